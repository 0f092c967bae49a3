"""Who may call over HTTP, and how much they may send."""

from functools import cache
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part for each in value.split(",") if (part := each.strip()))


class HttpSettings(BaseSettings):
    """The variables `CORS_ORIGINS` and `TRUSTED_HOSTS`, comma-separated, and `MAX_BODY_BYTES`.

    An origin is scheme, host and port; a trusted host a name, `*.example.com`, or `*` for any.
    """

    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    trusted_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ("*",)
    max_body_bytes: int = Field(default=1024 * 1024, gt=0)


class PublicSettings(BaseSettings):
    """The variable `PUBLIC_URL`: where clients reach this API, with its stage, without a closing slash.

    It is the issuer and the audience of tokens (RFC 8414, RFC 9068).
    """

    public_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = Field(
        pattern="^https?://"
    )


@cache
def public_settings() -> PublicSettings:
    """Return the settings, read from the environment once per process.

    Raises ValidationError naming `PUBLIC_URL` where it is not set.
    """
    return PublicSettings()


@cache
def http_settings() -> HttpSettings:
    """Return the settings, read from the environment once per process."""
    return HttpSettings()
