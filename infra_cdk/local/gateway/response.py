"""The answer of a function, read as API Gateway reads it.

Source: AWS, "Lambda proxy integrations in API Gateway", output format.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra_cdk.local.gateway.headers import Headers, passed_out

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE_VALUE = re.compile(r"[\x00\r\n\ud800-\udfff]")
_STATUSES = range(200, 600)


class MalformedResponseError(ValueError):
    """The function returned what is no proxy response."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """What is sent to the client."""

    status: int
    headers: Headers
    body: bytes


def response_from(payload: bytes) -> Response:
    """Read what a function returned. Raises MalformedResponseError, saying what is wrong."""
    try:
        answer = json.loads(payload)
        return Response(
            status=_status_of(answer), headers=_headers_of(answer), body=_body_of(answer)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise MalformedResponseError(str(error)) from error


def _status_of(answer: dict[str, Any]) -> int:
    status = int(answer.get("statusCode") or 0)
    if status not in _STATUSES:
        raise MalformedResponseError(f"statusCode is {answer.get('statusCode')!r}")
    return status


def _headers_of(answer: dict[str, Any]) -> Headers:
    multiple = [
        (name, _text_of(name, value))
        for name, values in (answer.get("multiValueHeaders") or {}).items()
        for value in values
    ]
    single = [(name, _text_of(name, v)) for name, v in (answer.get("headers") or {}).items()]
    known = {(name.lower(), value) for name, value in multiple}
    merged = multiple + [(n, v) for n, v in single if (n.lower(), v) not in known]
    return list(_with_content_type(passed_out(merged)))


def _with_content_type(headers: Headers) -> Iterator[tuple[str, str]]:
    yield from headers
    if not any(name.lower() == "content-type" for name, _ in headers):
        yield "Content-Type", "application/json"


def _text_of(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not _NAME.fullmatch(name) or _UNSAFE_VALUE.search(text):
        raise MalformedResponseError(f"the header {name!r} cannot be sent")
    return text


def _body_of(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponseError("body is no string")
    if answer.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    return body.encode()
