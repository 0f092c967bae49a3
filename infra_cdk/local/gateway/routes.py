"""Which function a path belongs to, by API Gateway's rules.

Source: AWS, "Set up a proxy integration with a proxy resource".
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from infra_cdk.registry import Registered
from shared.manifest.triggers import Http


@dataclass(frozen=True, kw_only=True)
class Route:
    """A resource that matched a request: `path` in API Gateway's syntax, and what `{proxy+}` is.

    With `api_key` its methods want a key.
    """

    function: str
    path: str
    proxy: str | None
    api_key: bool = False


@dataclass(kw_only=True)
class _Resource:
    """A node of the tree of resources: what answers its own path, and what stands below it."""

    own: tuple[Http, str] | None = None
    rest: tuple[Http, str] | None = None
    below: "dict[str, _Resource]" = field(default_factory=dict)


class Routes:
    """The resources of the REST API: a tree by segments, as API Gateway has it."""

    def __init__(self, functions: Iterable[Registered]) -> None:
        served = [(http, each.spec.name) for each in functions for http in each.spec.http]
        self.want_keys = any(http.api_key for http, _ in served)
        self._root = _Resource()
        for http, name in served:
            self._add(http, name)

    def _add(self, http: Http, name: str) -> None:
        resource = self._root
        path = http.path if http.prefix is None else http.prefix
        for segment in path.split("/")[1:] if path else ():
            resource = resource.below.setdefault(segment, _Resource())
        if http.prefix is None:
            resource.own = http, name
        else:
            resource.rest = http, name

    def find(self, path: str) -> Route | None:
        """Return the route of a path as the client sent it, or None.

        A resource by its name comes before a greedy one beside it, for all that is below it: no way back
        is taken where it has no method or nothing matches below. A greedy one needs at least one
        segment. An encoded slash separates no segments.
        """
        segments = [decode(segment) for segment in path.split("/")[1:]]
        resource, depth = self._root, 0
        while depth < len(segments) and (named := resource.below.get(segments[depth])):
            resource, depth = named, depth + 1
        rest = segments[depth:]
        found = resource.rest if rest else resource.own
        if found is None or rest == [""]:
            return None
        http, name = found
        proxy = "/".join(rest) if rest else None
        return Route(function=name, path=http.path, proxy=proxy, api_key=http.api_key)


def decode(text: str) -> str:
    """Decode a part of a URL. Bytes that are no UTF-8 become U+FFFD, as on AWS."""
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
