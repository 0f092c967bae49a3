"""The REST API is safe at its edge, and answers its own errors as the application would."""

import json
from typing import Any

import pytest

from shared.manifest.gateway import (
    BINARY_MEDIA_TYPES,
    DEFAULT_4XX,
    DEFAULT_5XX,
    GATEWAY_RESPONSE_HEADERS,
    GATEWAY_RESPONSES,
    GatewayResponse,
    problem_of,
)
from tests.infra_cdk.templates import Template, of_type, spell, the_only

HEADER = "gatewayresponse.header."
REQUEST_ID = "0d5e1c0a-6f0b-4bb8-8d5c-6a1c2b3d4e5f"

EVERY_RESPONSE = pytest.mark.parametrize(
    "response", [*GATEWAY_RESPONSES, DEFAULT_4XX, DEFAULT_5XX], ids=lambda each: each.type
)


def response_in(template: Template, type_: str) -> dict[str, Any]:
    responses = of_type(template, "AWS::ApiGateway::GatewayResponse").values()
    (found,) = [each for each in responses if each["Properties"]["ResponseType"] == type_]
    properties: dict[str, Any] = found["Properties"]
    return properties


def headers_of(response: dict[str, Any]) -> dict[str, str]:
    return {k.removeprefix(HEADER): v for k, v in response["ResponseParameters"].items()}


class TestApiKeys:
    def test_they_come_in_the_header(self, template: Template) -> None:
        assert the_only(template, "AWS::ApiGateway::RestApi")["ApiKeySourceType"] == "HEADER"


class TestGatewayResponse:
    @EVERY_RESPONSE
    def test_its_body_is_our_problem_document(
        self, template: Template, response: GatewayResponse
    ) -> None:
        ((media_type, text),) = response_in(template, response.type)["ResponseTemplates"].items()
        body = json.loads(text.replace("$context.requestId", REQUEST_ID))
        wanted = problem_of(response, request_id=REQUEST_ID)
        if response in (DEFAULT_4XX, DEFAULT_5XX):
            del wanted["status"]
        assert media_type == "application/json"
        assert body == wanted
        assert "$" not in json.dumps(body)

    @EVERY_RESPONSE
    def test_its_status_is_the_declared_one_and_a_default_keeps_the_gateways(
        self, template: Template, response: GatewayResponse
    ) -> None:
        status = response_in(template, response.type).get("StatusCode")
        default = response in (DEFAULT_4XX, DEFAULT_5XX)
        assert status == (None if default else str(response.status))

    @EVERY_RESPONSE
    def test_it_carries_the_headers_and_the_request_id(
        self, template: Template, response: GatewayResponse
    ) -> None:
        literal = {name: f"'{value}'" for name, value in GATEWAY_RESPONSE_HEADERS.items()}
        headers = headers_of(response_in(template, response.type))
        assert headers == {**literal, "X-Request-ID": "context.requestId"}

    def test_headers_hold_no_quote_that_would_end_the_literal(self) -> None:
        assert [value for value in GATEWAY_RESPONSE_HEADERS.values() if "'" in value] == []

    def test_nothing_else_is_declared(self, template: Template) -> None:
        found = of_type(template, "AWS::ApiGateway::GatewayResponse")
        assert len(found) == len(GATEWAY_RESPONSES) + 2


class TestCrossOrigin:
    @EVERY_RESPONSE
    def test_a_page_of_another_origin_reads_it_where_origins_are_allowed(
        self, production: Template, response: GatewayResponse
    ) -> None:
        headers = headers_of(response_in(production, response.type))
        assert headers["Access-Control-Allow-Origin"] == "'*'"
        assert headers["Access-Control-Expose-Headers"] == "'X-Request-ID'"
        assert "Access-Control-Allow-Credentials" not in headers


class TestApi:
    def test_bodies_pass_as_the_manifest_says(self, template: Template) -> None:
        api = the_only(template, "AWS::ApiGateway::RestApi")
        assert api["BinaryMediaTypes"] == list(BINARY_MEDIA_TYPES)

    def test_it_is_regional_and_speaks_tls_of_at_least_1_2(self, template: Template) -> None:
        api = the_only(template, "AWS::ApiGateway::RestApi")
        assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
        assert api["SecurityPolicy"] == "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
        assert api["EndpointAccessMode"] == "STRICT"

    def test_only_its_own_methods_may_invoke_a_function(self, template: Template) -> None:
        permissions = of_type(template, "AWS::Lambda::Permission").values()
        assert permissions
        for each in permissions:
            properties = each["Properties"]
            assert properties["Principal"] == "apigateway.amazonaws.com"
            source = spell(template, properties["SourceArn"])
            assert ":{Api/Api}/{Api/Api/DeploymentStage.live}/*/" in source
            assert not source.endswith("/*/*")


class TestStage:
    def test_it_is_live_and_traced(self, template: Template) -> None:
        stage = the_only(template, "AWS::ApiGateway::Stage")
        assert stage["StageName"] == "live"
        assert stage["TracingEnabled"] is True

    def test_it_slows_down_who_asks_too_much(self, template: Template) -> None:
        (settings,) = the_only(template, "AWS::ApiGateway::Stage")["MethodSettings"]
        assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
        assert settings["ThrottlingRateLimit"] == 500
        assert settings["ThrottlingBurstLimit"] == 1000

    def test_no_body_is_ever_logged(self, template: Template) -> None:
        (settings,) = the_only(template, "AWS::ApiGateway::Stage")["MethodSettings"]
        assert settings["DataTraceEnabled"] is False
        assert settings["LoggingLevel"] == "ERROR"

    def test_each_request_leaves_a_line_that_can_be_matched_with_the_applications(
        self, template: Template
    ) -> None:
        access = the_only(template, "AWS::ApiGateway::Stage")["AccessLogSetting"]
        line = json.loads(access["Format"])
        assert line["requestId"] == "$context.requestId"
        assert {"integrationLatency", "integrationRequestId", "error", "traceId"} <= set(line)
        assert spell(template, access["DestinationArn"]).endswith(":{Api/AccessLog}")

    def test_its_execution_log_ends(self, template: Template) -> None:
        logs = of_type(template, "AWS::Logs::LogGroup").values()
        named = {spell(template, each["Properties"].get("LogGroupName", "")): each for each in logs}
        log = named["API-Gateway-Execution-Logs_{Api/Api}/live"]
        assert log["Properties"]["RetentionInDays"] == 30
