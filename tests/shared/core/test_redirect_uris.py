"""An address is one that was registered, to the character; only a loopback port may differ."""

import pytest

from shared.core.redirect_uris import csp_source, find_registered, place_of, why_unfit

FIT = [
    "https://app.example.com/callback",
    "https://app.example.com:8443/callback?tenant=1",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:49152/cb",
    "http://[::1]/cb",
    "com.example.app:/callback",
]

UNFIT = [
    "http://app.example.com/callback",
    "http://localhost/callback",
    "http://127.0.0.1.example.com/cb",
    "http://127.0.0.1@evil.example/cb",
    "https://app.example.com@evil.example/cb",
    "https:///callback",
    "https:app.example.com",
    "https://app.example.com:0/",
    "https://app.example.com:99999/",
    "https://app_example/",
    "https://app.example.com/#fragment",
    "javascript:alert(1)",
    "data:text/html,hi",
    "myapp:/callback",
    "com.example.app://host/callback",
    "com.example.app:callback",
    "https://[::1",
]


@pytest.mark.parametrize("uri", FIT)
def test_an_address_that_is_a_clients_own_may_be_registered(uri: str) -> None:
    assert why_unfit(uri) is None
    assert find_registered(uri, [uri])


@pytest.mark.parametrize("uri", UNFIT)
def test_an_address_that_could_be_anybodys_may_not(uri: str) -> None:
    assert why_unfit(uri)


@pytest.mark.parametrize(
    "asked",
    [
        "https://app.example.com/callback/",
        "https://app.example.com/callback?",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/callback#x",
        "https://app.example.com/callback/../evil",
        "https://APP.example.com/callback",
        "https://app.example.com:443/callback",
        "https://app.example.com.evil.example/callback",
        "https://evil.example/https://app.example.com/callback",
        "http://app.example.com/callback",
        "//app.example.com/callback",
        "",
    ],
)
def test_what_is_like_a_registered_address_is_none(asked: str) -> None:
    assert not find_registered(asked, ["https://app.example.com/callback"])


@pytest.mark.parametrize("asked", ["http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"])
def test_a_loopback_port_may_differ(asked: str) -> None:
    assert find_registered(asked, ["http://127.0.0.1/cb"])
    assert find_registered(asked, ["http://127.0.0.1:8000/cb"])


@pytest.mark.parametrize(
    "asked",
    [
        "http://127.0.0.1:1/other",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.2:1/cb",
        "http://[::1]:1/cb",
        "http://localhost:1/cb",
        "http://127.0.0.1:1@evil.example/cb",
        "https://127.0.0.1:1/cb",
    ],
)
def test_nothing_else_of_a_loopback_address_may(asked: str) -> None:
    assert not find_registered(asked, ["http://127.0.0.1/cb"])


@pytest.mark.parametrize(
    ("uri", "source", "place"),
    [
        (
            "https://app.example.com:8443/cb?x=1",
            "https://app.example.com:8443",
            "app.example.com:8443",
        ),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("http://[::1]:5000/cb", "http:", "[::1]:5000"),
        ("com.example.app:/cb", "com.example.app:", "com.example.app:"),
    ],
)
def test_policies_and_people_are_told_where_it_leads(uri: str, source: str, place: str) -> None:
    assert (csp_source(uri), place_of(uri)) == (source, place)
