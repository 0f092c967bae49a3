"""The errors that the gateway answers by itself."""

import json

from infra_cdk.local.gateway.response import Response
from shared.manifest.gateway import GATEWAY_RESPONSE_HEADERS, GatewayResponse, problem_of

_ERROR_TYPES = {
    "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException",
    "REQUEST_TOO_LARGE": "RequestTooLargeException",
    "INVALID_API_KEY": "ForbiddenException",
    "THROTTLED": "TooManyRequestsException",
    "QUOTA_EXCEEDED": "LimitExceededException",
    "DEFAULT_4XX": "BadRequestException",
}
"""The values of `x-amzn-errortype`; every failure behind the gateway has one and the same."""


class GatewayError(Exception):
    """The gateway answers by itself; `reason` is for the log, not for the client."""

    def __init__(self, response: GatewayResponse, *, reason: str) -> None:
        super().__init__(reason)
        self.response = response


def answer_of(response: GatewayResponse, *, request_id: str) -> Response:
    """Return the problem document that is sent for a gateway response."""
    kind = _ERROR_TYPES.get(response.type, "InternalServerErrorException")
    return Response(
        status=response.status,
        headers=[
            *GATEWAY_RESPONSE_HEADERS.items(),
            # As on AWS where origins are configured: the gateway cannot choose one from a list.
            ("Access-Control-Allow-Origin", "*"),
            ("X-Request-ID", request_id),
            ("x-amzn-errortype", kind),
        ],
        body=json.dumps(problem_of(response, request_id=request_id)).encode(),
    )
