"""Which function a path belongs to, by API Gateway's rules.

Source: AWS, "Set up a proxy integration with a proxy resource".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from infra_cdk.registry import Registered


@dataclass(frozen=True, kw_only=True)
class Route:
    """A resource that matched a request: `path` in API Gateway's syntax, and what `{proxy+}` is.

    With `api_key` its methods want a key.
    """

    function: str
    path: str
    proxy: str | None
    api_key: bool = False


class Routes:
    """The resources of the REST API."""

    def __init__(self, functions: Iterable[Registered]) -> None:
        served = [(http, each.spec.name) for each in functions for http in each.spec.http]
        self.want_keys = any(http.api_key for http, _ in served)
        self._exact = {http.path: (http, name) for http, name in served if http.prefix is None}
        greedy = [(http.prefix, http, name) for http, name in served if http.prefix is not None]
        self._greedy = sorted(greedy, key=lambda each: len(each[0]), reverse=True)

    def find(self, path: str) -> Route | None:
        """Return the route of a path as the client sent it, or None.

        An exact resource comes before a greedy one, a longer prefix before a shorter. A greedy one
        needs at least one segment. An encoded slash separates no segments.
        """
        segments = [decode(segment) for segment in path.split("/")]
        whole = "/".join(segment.replace("/", "%2F") for segment in segments)
        if whole in self._exact:
            http, name = self._exact[whole]
            return Route(function=name, path=http.path, proxy=None, api_key=http.api_key)
        for prefix, http, name in self._greedy:
            if whole.startswith(f"{prefix}/") and (rest := segments[prefix.count("/") + 1 :]) != [
                ""
            ]:
                proxy = "/".join(rest)
                return Route(function=name, path=http.path, proxy=proxy, api_key=http.api_key)
        return None


def decode(text: str) -> str:
    """Decode a part of a URL. Bytes that are no UTF-8 become U+FFFD, as on AWS."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
