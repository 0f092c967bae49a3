"""A declaration of providers that would be unsafe or ambiguous is refused before anybody signs in."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from shared.config import federation
from shared.config.federation import FederationSettings, is_safe_url
from shared.config.runtime import Environment, RuntimeSettings

ACME: dict[str, Any] = {
    "id": "acme",
    "name": "Acme",
    "issuer": "https://accounts.example.com",
    "client_id": "switchyard",
}


def read(monkeypatch: pytest.MonkeyPatch, *declared: dict[str, Any]) -> FederationSettings:
    monkeypatch.setenv("OPENID_PROVIDERS", json.dumps(declared))
    return FederationSettings()


def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RuntimeSettings(environment=Environment.STAGING)
    monkeypatch.setattr(federation, "runtime_settings", lambda: settings)


def test_without_the_variable_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENID_PROVIDERS", raising=False)
    assert FederationSettings().openid_providers == ()


def test_github_needs_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = {**ACME, "kind": "github", "issuer": "https://github.com"}
    (provider,) = read(monkeypatch, hub).openid_providers
    assert provider.token_endpoint == "https://github.com/login/oauth/access_token"
    assert provider.scope == "read:user user:email"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "links"},
        {"id": "handover"},
        {"id": "A"},
        {"id": "a/b"},
        {"id": ""},
        {"issuer": "http://accounts.example.com"},
        {"issuer": "http://192.0.2.1"},
        {"issuer": "https://user@accounts.example.com"},
        {"issuer": "https://accounts.example.com?x=1"},
        {"issuer": "ftp://accounts.example.com"},
        {"client_id": ""},
        {"name": "Acme\r\nBcc: eve@example.com"},
        {"scopes": ["email"]},
        {"client_secret": "in the environment"},
    ],
)
def test_one_that_is_unsafe_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, ACME | changes)
    assert "in the environment" not in str(refused.value)


@pytest.mark.parametrize("other", [{"id": "other"}, {"issuer": "https://other.example.com"}])
def test_two_that_are_not_apart_are_refused(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match="two providers have the same"):
        read(monkeypatch, ACME, ACME | other)


@pytest.mark.parametrize("text", ["{", "7", '"x"', "[7]"])
def test_what_is_no_list_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("OPENID_PROVIDERS", text)
    with pytest.raises((ValidationError, SettingsError)):
        FederationSettings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"])
def test_without_tls_this_machine_is_called_from_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    assert is_safe_url(f"http://{host}:8080/token")
    deployed(monkeypatch)
    assert not is_safe_url(f"http://{host}:8080/token")
    assert is_safe_url("https://accounts.example.com/token")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.example.com/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "",
    ],
)
def test_other_addresses_are_not(url: str) -> None:
    assert not is_safe_url(url)
