"""For which site passkeys are, and from which pages they are accepted."""

from functools import cache
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings

from shared.config.http import http_settings, public_settings

_THIS_MACHINE = "localhost"


class PasskeySettings(BaseSettings):
    """The variable `WEBAUTHN_RP_ID`: the domain that passkeys belong to, where it is not PUBLIC_URL's host.

    A page may use them where its host is that domain or below it. Another domain loses all passkeys.
    Source: Web Authentication Level 3, "relying party identifier".
    """

    webauthn_rp_id: Annotated[str | None, BeforeValidator(lambda given: given or None)] = None


@cache
def passkey_settings() -> PasskeySettings:
    """Return the settings, read from the environment once per process."""
    return PasskeySettings()


def relying_party_id() -> str:
    """Return the domain that passkeys belong to; for an address of this machine, `localhost`.

    WebAuthn takes no IP address for a domain.
    """
    host = urlsplit(public_settings().public_url).hostname or ""
    return passkey_settings().webauthn_rp_id or (_THIS_MACHINE if _is_loopback(host) else host)


def passkey_origins() -> tuple[str, ...]:
    """Return the origins of pages that may use passkeys: the API's own, and those of CORS."""
    public = urlsplit(public_settings().public_url)
    own = f"{public.scheme}://{public.netloc}"
    return tuple(dict.fromkeys((own, *http_settings().cors_origins)))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
