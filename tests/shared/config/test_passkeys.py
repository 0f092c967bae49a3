"""Passkeys belong to the API's own host unless the settings say otherwise, and never to an address."""

from collections.abc import Callable, Iterator

import pytest

from shared.config.http import http_settings, public_settings
from shared.config.passkeys import passkey_origins, passkey_settings, relying_party_id

type Set = Callable[..., None]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Set]:
    caches = (http_settings, public_settings, passkey_settings)

    def set_to(**values: str) -> None:
        for name in ("CORS_ORIGINS", "WEBAUTHN_RP_ID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        for each in caches:
            each.cache_clear()

    yield set_to
    for each in caches:
        each.cache_clear()


@pytest.mark.parametrize(
    ("url", "given", "domain"),
    [
        ("https://api.example.com", "", "api.example.com"),
        ("https://api.example.com:8443/live", "", "api.example.com"),
        ("https://api.example.com", "example.com", "example.com"),
        ("http://127.0.0.1:8000", "", "localhost"),
        ("http://[::1]:8000", "", "localhost"),
        ("http://localhost:8000", "", "localhost"),
    ],
)
def test_the_domain(settings: Set, url: str, given: str, domain: str) -> None:
    settings(PUBLIC_URL=url, WEBAUTHN_RP_ID=given)
    assert relying_party_id() == domain


def test_the_origins_are_the_apis_own_and_those_of_cors(settings: Set) -> None:
    own, app = "https://api.example.com", "https://app.example.com"
    settings(PUBLIC_URL=f"{own}/live", CORS_ORIGINS=f"{app}, {own}")
    assert passkey_origins() == (own, app)
    settings(PUBLIC_URL=own)
    assert passkey_origins() == (own,)
