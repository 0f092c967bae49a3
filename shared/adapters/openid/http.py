"""Requests to outside providers: few bytes, few seconds, no redirect, whatever stands at the other end."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.config.federation import is_safe_url

if TYPE_CHECKING:
    import httpx

LONGEST_BYTES = 256 * 1024
"""The largest answer that is read, in bytes."""

TIMEOUT_S = 5.0
"""How long one request may take in all, in seconds: four of them fit into the gateway's 29."""

# What is packed could unpack to any size: nothing is unpacked here.
_ACCEPTED = {"Accept": "application/json", "Accept-Encoding": "identity"}

_OK = 200
_BAD_REQUEST = 400
_SERVER_ERROR = 500


class ProviderFailedError(Exception):
    """A provider does not answer, or what it answers is of no use."""


class ProviderRefusedError(Exception):
    """A provider refuses, or what it says of a user is not to be believed."""


async def get_json(url: str, *, token: str | None = None) -> Any:
    """Return what a GET gives. Raises ProviderFailedError, ProviderRefusedError."""
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return await _request("GET", url, headers=bearer)


async def post_form(
    url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None
) -> Any:
    """Return what a POST of a form gives. Raises ProviderFailedError, ProviderRefusedError."""
    return await _request("POST", url, data=dict(form), auth=basic)


async def _request(method: str, url: str, **given: Any) -> Any:
    import httpx

    if not is_safe_url(url):
        raise ProviderFailedError("the provider names an address that is not https")
    given["headers"] = {**_ACCEPTED, **given.get("headers", {})}
    try:
        # httpx counts each read by itself: one byte every four seconds would never end.
        async with (
            asyncio.timeout(TIMEOUT_S),
            _client() as client,
            client.stream(method, url, **given) as response,
        ):
            status, body = response.status_code, await _read(response)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise ProviderFailedError(f"no answer: {type(error).__name__}") from None
    return _content(status, body)


def _client() -> "httpx.AsyncClient":
    import httpx

    return httpx.AsyncClient(
        verify=_trust(), follow_redirects=False, trust_env=False, timeout=TIMEOUT_S
    )


@cache
def _trust() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)


async def _read(response: "httpx.Response") -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > LONGEST_BYTES:
            raise ProviderFailedError("the answer is too large")
    return bytes(body)


def _content(status: int, body: bytes) -> Any:
    # Of the body nothing is ever told: it may hold tokens.
    if _BAD_REQUEST <= status < _SERVER_ERROR:
        raise ProviderRefusedError(f"the provider answered {status}")
    if status != _OK:
        raise ProviderFailedError(f"the provider answered {status}")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ProviderFailedError("the answer is no JSON") from None
