"""Refuses requests that name another host: an application that trusts `Host` can be misled by it."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.config.http import http_settings
from shared.core.errors import UntrustedHostError


class TrustedHosts:
    """Lets the hosts of the settings through. Raises UntrustedHostError for any other."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._hosts = http_settings().trusted_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not is_trusted(Headers(scope=scope).get("host", ""), hosts=self._hosts):
            raise UntrustedHostError("This service does not answer for the host of the request.")
        await self._app(scope, receive, send)


def is_trusted(host: str, *, hosts: Iterable[str]) -> bool:
    """Tell whether a Host header, port and case aside, is among `hosts`."""
    name = (host if host.endswith("]") else host.rpartition(":")[0] or host).lower()
    return any(
        pattern == "*"
        or name == pattern.lower()
        or (pattern.startswith("*.") and name.endswith(pattern[1:].lower()))
        for pattern in hosts
    )
