"""Conditional requests (RFC 9110, section 13) over resources that count their versions."""

import re
from collections.abc import Container, Iterable
from typing import Annotated

from fastapi import Depends, Header
from starlette.responses import Response

# ASCII only: this service's own tags are numbers.
_TAG = r'(W/)?"([!#-~]*)"'
# As `entity_tag` writes it: nothing else is ever a version, however long or whatever its zeros.
_VERSION = re.compile("[1-9][0-9]{0,8}")
_CONDITION = rf"^ *(\*|{_TAG}( *, *{_TAG})*) *$"

Condition = Annotated[
    str | None,
    Header(pattern=_CONDITION, description="Entity tags as they were given."),
]
"""The value of If-Match or If-None-Match: `*`, or a list of entity tags, quotes included."""


class _Every(Container[int]):
    """All versions: what `*` names."""

    def __contains__(self, version: object) -> bool:
        return True


def entity_tag(version: int) -> str:
    """Return the strong ETag of a version."""
    return f'"{version}"'


def tagged(response: Response, *, version: int) -> None:
    """Mark an answer with its version; a cache may keep it, but must ask before it uses it."""
    response.headers["ETag"] = entity_tag(version)
    response.headers["Cache-Control"] = "private, no-cache"


def not_modified(version: int) -> Response:
    """Return the answer 304, which has the headers of the 200 but no body."""
    response = Response(status_code=304)
    tagged(response, version=version)
    return response


def _if_match(if_match: Condition = None) -> Container[int]:
    if if_match is None or if_match.strip() == "*":
        return _Every()
    # Strong comparison: a weak tag never matches.
    return _versions_in(tag for weak, tag in re.findall(_TAG, if_match) if not weak)


def _if_none_match(if_none_match: Condition = None) -> Container[int]:
    if if_none_match is None:
        return frozenset()
    if if_none_match.strip() == "*":
        return _Every()
    return _versions_in(tag for _, tag in re.findall(_TAG, if_none_match))


def _versions_in(tags: Iterable[str]) -> frozenset[int]:
    return frozenset(int(tag) for tag in tags if _VERSION.fullmatch(tag))


ExpectedVersions = Annotated[Container[int], Depends(_if_match)]
"""What If-Match names, or every version: a change applies to these only."""

KnownVersions = Annotated[Container[int], Depends(_if_none_match)]
"""What If-None-Match names: versions that the caller has already."""
