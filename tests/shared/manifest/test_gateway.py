"""The gateway's own errors are problems of the application's format."""

import pytest

from shared.core.errors import ProblemError
from shared.manifest.gateway import (
    DEFAULT_4XX,
    DEFAULT_5XX,
    GATEWAY_RESPONSE_HEADERS,
    GATEWAY_RESPONSES,
    GatewayResponse,
    problem_of,
    response_of,
)

ALL = (*GATEWAY_RESPONSES, DEFAULT_4XX, DEFAULT_5XX)
EVERY_RESPONSE = pytest.mark.parametrize("response", ALL, ids=lambda each: each.type)

RESPONSE_TYPES = {
    "ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE", "BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX",
    "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
}  # fmt: skip
"""Source: AWS, "Gateway response types for API Gateway"."""


class TestTable:
    def test_each_type_is_one_that_api_gateway_knows_and_stands_once(self) -> None:
        types = [each.type for each in ALL]
        assert set(types) <= RESPONSE_TYPES
        assert len(set(types)) == len(types)

    @EVERY_RESPONSE
    def test_it_is_an_error_with_words_for_it(self, response: GatewayResponse) -> None:
        assert 400 <= response.status < 600
        assert response.code == response.code.lower()
        assert response.title
        assert response.detail.endswith(".")

    @EVERY_RESPONSE
    def test_a_code_means_what_it_means_in_the_application(self, response: GatewayResponse) -> None:
        kinds: list[type[ProblemError]] = [ProblemError, *ProblemError.__subclasses__()]
        for kind in kinds:
            if kind.code == response.code:
                assert (kind.status, kind.title) == (response.status, response.title)

    def test_a_response_is_found_by_its_type(self) -> None:
        assert response_of("THROTTLED").status == 429
        with pytest.raises(KeyError):
            response_of("NOTHING")


class TestProblem:
    @EVERY_RESPONSE
    def test_it_has_the_members_of_rfc_9457_and_ours(self, response: GatewayResponse) -> None:
        assert problem_of(response, request_id="some-id") == {
            "type": f"urn:switchyard:problem:{response.code}",
            "title": response.title,
            "status": response.status,
            "detail": response.detail,
            "code": response.code,
            "request_id": "some-id",
            "errors": [],
        }

    def test_its_headers_say_what_it_is_and_keep_it_out_of_caches(self) -> None:
        assert GATEWAY_RESPONSE_HEADERS["Content-Type"] == "application/problem+json"
        assert GATEWAY_RESPONSE_HEADERS["Cache-Control"] == "no-store"
        assert GATEWAY_RESPONSE_HEADERS["X-Content-Type-Options"] == "nosniff"
