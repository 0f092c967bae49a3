"""Conditional requests (RFC 9110, section 13) over resources that count their versions."""

import re
from collections.abc import Container
from typing import Annotated

from fastapi import Depends, Header
from starlette.responses import Response

from shared.core.errors import FieldError, ValidationFailedError

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAGS = re.compile(rf"\s*{_TAG.pattern}(\s*,\s*{_TAG.pattern})*\s*")


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


def _if_match(if_match: Annotated[str | None, Header(max_length=1000)] = None) -> Container[int]:
    if if_match is None or if_match.strip() == "*":
        return _Every()
    tags = _tags_of(if_match, header="if-match")
    # Strong comparison: a weak tag never matches.
    return frozenset(int(tag) for weak, tag in tags if not weak and tag.isdecimal())


def _if_none_match(
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Container[int]:
    if if_none_match is None:
        return frozenset()
    if if_none_match.strip() == "*":
        return _Every()
    tags = _tags_of(if_none_match, header="if-none-match")
    return frozenset(int(tag) for _, tag in tags if tag.isdecimal())


def _tags_of(value: str, *, header: str) -> list[tuple[str, str]]:
    if not _TAGS.fullmatch(value):
        raise ValidationFailedError(
            "The condition is not a list of entity tags.",
            errors=[
                FieldError(
                    location=("header", header),
                    code="entity_tags",
                    message='Send the ETag as it was given, quotes included: "3".',
                )
            ],
        )
    return _TAG.findall(value)


ExpectedVersions = Annotated[Container[int], Depends(_if_match)]
"""What If-Match names, or every version: a change applies to these only."""

KnownVersions = Annotated[Container[int], Depends(_if_none_match)]
"""What If-None-Match names: versions that the caller has already."""
