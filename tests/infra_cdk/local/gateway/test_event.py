"""The event that a function gets, member by member as AWS documents it."""

import base64
import json
from typing import Any

import pytest

from infra_cdk.local.gateway.event import event_of
from infra_cdk.local.gateway.headers import Headers
from infra_cdk.local.gateway.request import Request, is_binary
from infra_cdk.local.gateway.routes import Route

GREEDY = Route(function="webapp", path="/v1/webapp/{proxy+}", proxy="items/1")
HEADERS: Headers = [("Host", "api.example.com:8000"), ("User-Agent", "agent/1")]


def event(route: Route = GREEDY, **changes: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": "GET",
        "path": "/v1/webapp/items/1",
        "query": "",
        "protocol": "HTTP/1.1",
        "headers": HEADERS,
        "client": "192.0.2.1",
        "port": 8000,
    }
    made: dict[str, Any] = json.loads(event_of(Request(**(request | changes)), route=route))
    return made


def test_the_members_are_those_of_the_documented_event() -> None:
    assert set(event()) == {
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    }


def test_a_request_without_query_and_body_has_nulls_there() -> None:
    made = event()
    assert made["resource"] == "/v1/webapp/{proxy+}"
    assert made["path"] == "/v1/webapp/items/1"
    assert made["pathParameters"] == {"proxy": "items/1"}
    assert made["queryStringParameters"] is made["multiValueQueryStringParameters"] is None
    assert made["stageVariables"] is made["body"] is None
    assert made["isBase64Encoded"] is False


def test_an_exact_resource_has_no_path_parameters() -> None:
    route = Route(function="infrastructure", path="/health", proxy=None)
    assert event(route, path="/health")["pathParameters"] is None


def test_the_context_tells_ids_identity_and_time() -> None:
    context = event(time=1428582896.5)["requestContext"]
    assert context["requestTime"] == "09/Apr/2015:12:34:56 +0000"
    assert context["requestTimeEpoch"] == 1428582896500
    assert len(context["requestId"]) == 36
    assert len(context["extendedRequestId"]) == 16
    assert context["domainName"] == "api.example.com"
    assert context["resourcePath"] == "/v1/webapp/{proxy+}"
    assert (context["httpMethod"], context["protocol"]) == ("GET", "HTTP/1.1")
    assert context["identity"] == {
        "accessKey": None,
        "accountId": None,
        "caller": None,
        "cognitoAuthenticationProvider": None,
        "cognitoAuthenticationType": None,
        "cognitoIdentityId": None,
        "cognitoIdentityPoolId": None,
        "principalOrgId": None,
        "sourceIp": "192.0.2.1",
        "user": None,
        "userAgent": "agent/1",
        "userArn": None,
    }


def test_a_header_that_comes_twice_has_its_last_value_and_all_of_them() -> None:
    made = event(headers=[*HEADERS, ("Cookie", "a=1"), ("cookie", "b=2")])
    assert made["headers"]["Cookie"] == "b=2"
    assert made["multiValueHeaders"]["Cookie"] == ["a=1", "b=2"]
    assert "cookie" not in made["headers"]


def test_a_parameter_that_comes_twice_has_its_last_value_and_all_of_them() -> None:
    made = event(query="tag=a&tag=b&Tag=c&empty=&flag&q=a%20b+c%26")
    assert made["multiValueQueryStringParameters"]["tag"] == ["a", "b"]
    assert made["queryStringParameters"] == {
        "tag": "b",
        "Tag": "c",
        "empty": "",
        "flag": "",
        "q": "a b c&",
    }


def test_the_path_arrives_decoded() -> None:
    assert event(path="/v1/webapp/a%2Fb%20%C3%A9")["path"] == "/v1/webapp/a/b é"


@pytest.mark.parametrize("sent", ["%FF%FE", "\udcff\udcfe"])
def test_bytes_that_are_no_utf8_become_replacement_characters(sent: str) -> None:
    made = event(path=f"/v1/webapp/{sent}", query=f"q={sent}")
    assert made["path"] == "/v1/webapp/\ufffd\ufffd"
    assert made["queryStringParameters"] == {"q": "\ufffd\ufffd"}


def test_the_gateway_adds_forwarding_headers_and_a_trace() -> None:
    headers = event()["headers"]
    assert headers["X-Forwarded-For"] == "192.0.2.1"
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"]) == ("http", "8000")
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_forwarding_headers_of_a_client_are_extended_or_replaced() -> None:
    claimed = [("x-forwarded-for", "198.51.100.7"), ("X-Forwarded-Proto", "https")]
    headers = event(headers=[*HEADERS, *claimed])["headers"]
    assert headers["X-Forwarded-For"] == "198.51.100.7, 192.0.2.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert "x-forwarded-for" not in headers


def test_headers_of_the_connection_do_not_reach_the_function() -> None:
    dropped = ["Connection", "Transfer-Encoding", "TE", "Upgrade", "Expect"]
    made = event(headers=[*HEADERS, *((name, "x") for name in dropped)])
    assert not set(dropped) & set(made["headers"])


def test_a_body_arrives_byte_for_byte_in_base64() -> None:
    body = bytes(range(256))
    made = event(method="POST", body=body)
    assert made["isBase64Encoded"] is True
    assert base64.b64decode(made["body"]) == body


@pytest.mark.parametrize(
    ("media_type", "binary"),
    [("image/png", True), ("IMAGE/PNG; q=1", True), ("application/json", False), (None, False)],
)
def test_a_media_type_is_matched_without_its_parameters(
    media_type: str | None, *, binary: bool
) -> None:
    assert is_binary(media_type, patterns=("image/*",)) is binary


def test_a_text_body_that_is_no_utf8_loses_only_its_bad_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infra_cdk.local.gateway.event.is_binary", lambda _: False)
    made = event(method="POST", body=b'{"a": "\xff"}')
    assert (made["body"], made["isBase64Encoded"]) == ('{"a": "\ufffd"}', False)
