"""How users prove who they are."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class IdentitySettings(BaseSettings):
    """The variable `SIGNING_SECRET_ID`."""

    signing_secret_id: str = Field(min_length=1)
    """Name or ARN in Secrets Manager of the secret that the signing key is derived from."""


class TokenSettings(BaseSettings):
    """How long tokens live: `ACCESS_TOKEN_S`, `REFRESH_TOKEN_S`, `SESSION_S`."""

    access_token_s: int = Field(default=900, gt=0)
    """Life of an access token, in seconds."""

    refresh_token_s: int = Field(default=30 * 24 * 3600, gt=0)
    """How long a session lives without being refreshed, in seconds."""

    session_s: int = Field(default=180 * 24 * 3600, gt=0)
    """How long a session lives in all, in seconds."""


class VaultSettings(BaseSettings):
    """The variable `VAULT_SECRET_ID`."""

    vault_secret_id: str = Field(min_length=1)
    """Name or ARN in Secrets Manager of the secret that keyed digests and seals derive from."""


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
def token_settings() -> TokenSettings:
    """Return the settings, read from the environment once per process."""
    return TokenSettings()


@cache
def vault_settings() -> VaultSettings:
    """Return the settings, read from the environment once per process.

    Raises ValidationError naming `VAULT_SECRET_ID` where it is not set.
    """
    return VaultSettings()


@cache
def password_settings() -> PasswordSettings:
    """Return the password rule, read from the environment once per process."""
    return PasswordSettings()
