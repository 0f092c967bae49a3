"""Which function a path belongs to, by API Gateway's rules.

Source: AWS, "Set up a proxy integration with a proxy resource".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from infra_cdk.registry import Registered


@dataclass(frozen=True, kw_only=True)
class Route:
    """A resource that matched a request: `path` in API Gateway's syntax, and what `{proxy+}` is."""

    function: str
    path: str
    proxy: str | None


class Routes:
    """The resources of the REST API."""

    def __init__(self, functions: Iterable[Registered]) -> None:
        served = [(http, each.spec.name) for each in functions for http in each.spec.http]
        self._exact = {http.path: name for http, name in served if http.prefix is None}
        greedy = [(http.prefix, name) for http, name in served if http.prefix is not None]
        self._greedy = sorted(greedy, key=lambda each: len(each[0]), reverse=True)

    def find(self, path: str) -> Route | None:
        """Return the route of a path as the client sent it, or None.

        An exact resource comes before a greedy one, a longer prefix before a shorter. A greedy one
        needs at least one segment. An encoded slash separates no segments.
        """
        segments = [decode(segment) for segment in path.split("/")]
        whole = "/".join(segment.replace("/", "%2F") for segment in segments)
        if whole in self._exact:
            return Route(function=self._exact[whole], path=whole, proxy=None)
        for prefix, name in self._greedy:
            if whole.startswith(f"{prefix}/") and (rest := segments[prefix.count("/") + 1 :]) != [
                ""
            ]:
                return Route(function=name, path=f"{prefix}/{{proxy+}}", proxy="/".join(rest))
        return None


def decode(text: str) -> str:
    """Decode a part of a URL. Bytes that are no UTF-8 become U+FFFD, as on AWS."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
