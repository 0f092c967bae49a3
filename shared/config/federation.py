"""The outside providers by which users may sign in."""

from functools import cache
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.config.runtime import Environment, runtime_settings

RESERVED = frozenset({"handover", "links"})
"""What no provider can be called, for routes are."""

ProviderId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""What a provider is called in addresses."""

_Url = Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://[^\s/?#@]+[^\s?#]*$")]


class Provider(BaseModel):
    """An outside provider: of OpenID Connect, or of plain OAuth 2.0 as GitHub has it.

    `secret_id` is the name or ARN in Secrets Manager of the client's secret; a public client has none.
    `scopes` and the endpoints have defaults; OpenID providers tell their endpoints by themselves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: ProviderId
    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")
    kind: Literal["openid", "github"] = "openid"
    issuer: _Url
    client_id: str = Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
    secret_id: str | None = Field(default=None, min_length=1)
    scopes: tuple[str, ...] = ()
    authorization_endpoint: _Url = "https://github.com/login/oauth/authorize"
    token_endpoint: _Url = "https://github.com/login/oauth/access_token"  # noqa: S105  # an address
    userinfo_endpoint: _Url = "https://api.github.com/user"
    emails_endpoint: _Url = "https://api.github.com/user/emails"

    @property
    def scope(self) -> str:
        """What is asked of the provider: who the user is, and their e-mail address."""
        usual = "openid email profile" if self.kind == "openid" else "read:user user:email"
        return " ".join(self.scopes) or usual

    @model_validator(mode="after")
    def _has_its_own_name(self) -> Self:
        if self.id in RESERVED:
            raise ValueError(f"a provider cannot be called {self.id}")
        if self.kind == "openid" and self.scopes and "openid" not in self.scopes:
            raise ValueError(f"{self.id}: the scopes of an OpenID provider include openid")
        return self


_HIDDEN = ConfigDict(hide_input_in_errors=True)

Providers = TypeAdapter(tuple[Provider, ...], config=_HIDDEN)
"""Reads a JSON array of providers."""


class FederationSettings(BaseSettings):
    """The variable `OPENID_PROVIDERS`: a JSON array of `Provider`, empty where nobody declares any."""

    # A secret that somebody put there by mistake is in no message.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    openid_providers: tuple[Provider, ...] = ()

    @model_validator(mode="after")
    def _are_apart_and_safe(self) -> Self:
        for name in ("id", "issuer"):
            # Two of one issuer would share its users, and one could answer for the other.
            if len({getattr(each, name) for each in self.openid_providers}) < len(
                self.openid_providers
            ):
                raise ValueError(f"two providers have the same {name}")
        for each in self.openid_providers:
            if not is_safe_url(each.issuer):
                raise ValueError(f"the issuer of {each.id} has no https address")
        return self


def is_safe_url(url: str) -> bool:
    """Tell whether an address may be called: by https, or on this machine where the service runs on it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host) and not parts.username
    is_local = runtime_settings().environment is Environment.LOCAL
    return parts.scheme == "http" and is_local and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def federation_settings() -> FederationSettings:
    """Return the settings, read from the environment once per process. Raises ValidationError."""
    return FederationSettings()
