"""The Lambda handler, called with proxy events as the gateway makes them."""

import json
from base64 import b64decode
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.responses import Response

from shared.config.http import http_settings
from shared.core.correlation import current
from shared.web.app import create_app
from shared.web.handler import lambda_handler


def event(path: str, **fields: Any) -> dict[str, Any]:
    return {
        "resource": "/v2/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": {"Host": "api.example.com"},
        "multiValueHeaders": {"Host": ["api.example.com"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None,
        "isBase64Encoded": False,
    } | fields


router = APIRouter()


@router.get("/v2/id")
async def get_id() -> str:
    correlation = current()
    return correlation.request_id if correlation else ""


@router.get("/v2/image")
async def get_image() -> Response:
    return Response(b"\x89PNG\xff", media_type="image/png")


handler = lambda_handler(create_app(title="Test", routers=[router]))


def test_json_comes_as_text_with_the_gateways_request_id() -> None:
    answer = handler(event("/v2/id"), None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert json.loads(answer["body"]) == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_a_problem_comes_as_text() -> None:
    answer = handler(event("/v2/nothing"), None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (404, False)
    assert json.loads(answer["body"])["code"] == "not_found"


def test_bytes_come_in_base64() -> None:
    answer = handler(event("/v2/image"), None)
    assert answer["isBase64Encoded"] is True
    assert b64decode(answer["body"]) == b"\x89PNG\xff"


@pytest.mark.parametrize("host", ["[::1]", "[::1]:8000", "127.0.0.1:abc", "a:b:c", "a b"])
def test_a_host_that_is_none_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_HOSTS", "api.example.com")
    http_settings.cache_clear()
    fresh = lambda_handler(create_app(title="Test", routers=[router]))
    headers = {"headers": {"Host": host}, "multiValueHeaders": {"Host": [host]}}
    answer = fresh(event("/v2/id", **headers), None)
    http_settings.cache_clear()
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "untrusted_host")


def test_what_is_no_http_event_is_refused() -> None:
    with pytest.raises(RuntimeError):
        handler({"Records": []}, None)
