"""How users prove who they are."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class IdentitySettings(BaseSettings):
    """The variable `SIGNING_SECRET_ID` and what else may be set about passwords and tokens."""

    signing_secret_id: str = Field(min_length=1)
    """Name or ARN in Secrets Manager of the secret that the signing key is derived from."""

    access_token_s: int = Field(default=900, gt=0)
    """Life of an access token, in seconds."""


class PasswordSettings(BaseSettings):
    """The password rule: `PASSWORD_MIN_LENGTH`, never below what NIST SP 800-63B-4 asks of a sole factor."""

    password_min_length: int = Field(default=15, ge=15, le=64)


@cache
def identity_settings() -> IdentitySettings:
    """Return the settings, read from the environment once per process.

    Raises ValidationError naming `SIGNING_SECRET_ID` where it is not set.
    """
    return IdentitySettings()


@cache
def password_settings() -> PasswordSettings:
    """Return the password rule, read from the environment once per process."""
    return PasswordSettings()
