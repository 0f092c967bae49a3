"""The versions of the API, in one registry: what is deprecated says so in every answer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the API. One that is deprecated has its moment, its end and its successor."""

    name: str
    deprecated: datetime | None = None
    sunset: datetime | None = None
    successor: str | None = None

    def headers(self, path: str) -> dict[str, str]:
        """Return Deprecation (RFC 9745), Sunset (RFC 8594) and Link (RFC 5829), where they apply."""
        headers = {}
        if self.deprecated:
            headers["Deprecation"] = f"@{int(self.deprecated.timestamp())}"
        if self.sunset:
            headers["Sunset"] = format_datetime(self.sunset, usegmt=True)
        if self.successor:
            # Relative: the API may stand below a stage of the gateway.
            up = "../" * (path.count("/") - 1)
            headers["Link"] = f'<{up}{self.successor}/openapi.json>; rel="successor-version"'
        return headers


VERSIONS = (
    Version(
        name="v1",
        deprecated=datetime(2026, 11, 1, tzinfo=UTC),
        sunset=datetime(2027, 11, 1, tzinfo=UTC),
        successor="v2",
    ),
    Version(name="v2"),
)
"""Every version that is served, oldest first."""


class Versions:
    """Adds the headers of the version that a path begins with."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._versions = {version.name: version for version in VERSIONS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = scope.get("path", "")
        version = self._versions.get(path.removeprefix("/").partition("/")[0])

        async def send_with_headers(message: Message) -> None:
            if version and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(version.headers(path))
            await send(message)

        await self._app(scope, receive, send_with_headers)
