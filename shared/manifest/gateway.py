"""The errors that the REST API's gateway answers by itself, as problem details (RFC 9457).

The CDK app makes gateway responses from this table and the local gateway answers from it, so that a
client meets one error format wherever an error is made.
Source: AWS, "Gateway response types for API Gateway".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BINARY_MEDIA_TYPES = ("*/*",)
"""The media types whose bodies the gateway leaves alone, base64-encoded in the event: all.

With a narrower list the gateway would decode other bodies as UTF-8 and so alter those that are not,
and it would look at a client's Accept, not at the answer, before it sends a picture as a picture.
The price: a body of more than about 4.5 MB does not fit into an event of 6 MB.
Source: AWS, "Binary media types for REST APIs in API Gateway".
"""

GATEWAY_RESPONSE_HEADERS: Mapping[str, str] = {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""The headers of every answer that the gateway makes by itself.

A Content-Security-Policy is not among them: its quotes cannot stand in the gateway's quoted literals.
"""


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """One gateway response: `type` is API Gateway's name of it, `status` the HTTP status sent."""

    type: str
    status: int
    code: str
    title: str
    detail: str


GATEWAY_RESPONSES = (
    GatewayResponse(
        type="MISSING_AUTHENTICATION_TOKEN",
        status=404,
        code="not_found",
        title="Not found",
        # API Gateway's name misleads: it answers this where no resource or method matches.
        detail="No route has this path.",
    ),
    GatewayResponse(
        type="RESOURCE_NOT_FOUND",
        status=404,
        code="not_found",
        title="Not found",
        detail="No route has this path.",
    ),
    GatewayResponse(
        type="REQUEST_TOO_LARGE",
        status=413,
        code="payload_too_large",
        title="Payload too large",
        # The event must fit into 6 MB with the body in base64; request line and headers into 10 KB.
        detail="The request is too large: its body, its headers or its address.",
    ),
    GatewayResponse(
        type="UNSUPPORTED_MEDIA_TYPE",
        status=415,
        code="unsupported_media_type",
        title="Unsupported media type",
        detail="The gateway does not accept this content type.",
    ),
    GatewayResponse(
        type="INVALID_API_KEY",
        status=403,
        code="invalid_api_key",
        title="Forbidden",
        detail="The API key is missing or not valid.",
    ),
    GatewayResponse(
        type="THROTTLED",
        status=429,
        code="throttled",
        title="Too many requests",
        detail="The rate limit is exceeded. Try again later.",
    ),
    GatewayResponse(
        type="QUOTA_EXCEEDED",
        status=429,
        code="quota_exceeded",
        title="Too many requests",
        detail="The quota of the usage plan is used up.",
    ),
    GatewayResponse(
        type="INTEGRATION_FAILURE",
        status=502,
        code="bad_gateway",
        title="Bad gateway",
        detail="The service failed to answer. Try again; if it persists, report the request id.",
    ),
    GatewayResponse(
        type="INTEGRATION_TIMEOUT",
        status=504,
        code="gateway_timeout",
        title="Gateway timeout",
        detail="The service did not answer in time.",
    ),
    GatewayResponse(
        type="BAD_REQUEST_BODY",
        status=400,
        code="bad_request",
        title="Bad request",
        detail="The gateway could not read the request body.",
    ),
)
"""The responses with a message of their own."""

DEFAULT_4XX = GatewayResponse(
    type="DEFAULT_4XX",
    status=400,
    code="bad_request",
    title="Bad request",
    detail="The gateway refused the request.",
)
"""Every other client error that the gateway finds."""

DEFAULT_5XX = GatewayResponse(
    type="DEFAULT_5XX",
    status=500,
    code="internal_error",
    title="Internal server error",
    detail="The gateway failed. Try again; if it persists, report the request id.",
)
"""Every other server error of the gateway."""


def response_of(type_: str) -> GatewayResponse:
    """Return the gateway response of one type. Raises KeyError for an undeclared type."""
    return {response.type: response for response in GATEWAY_RESPONSES}[type_]


def problem_of(response: GatewayResponse, *, request_id: str) -> dict[str, Any]:
    """Return the body of a gateway response: an RFC 9457 object in the application's format.

    On AWS `request_id` is the mapping variable `$context.requestId`, filled in by the gateway.
    """
    return {
        "type": f"urn:switchyard:problem:{response.code}",
        "title": response.title,
        "status": response.status,
        "detail": response.detail,
        "code": response.code,
        "request_id": request_id,
        "errors": [],
    }
