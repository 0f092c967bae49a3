"""What a function's answer becomes."""

import json

import pytest

from infra_cdk.local.gateway.response import MalformedResponseError, response_from


def test_a_plain_answer_is_sent_as_it_is() -> None:
    answer = {"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "é"}
    response = response_from(json.dumps(answer).encode())
    assert (response.status, response.body) == (201, "é".encode())
    assert response.headers == [("Content-Type", "text/plain")]


def test_an_answer_without_a_type_is_json_and_without_a_body_empty() -> None:
    response = response_from(b'{"statusCode": 204}')
    assert (response.headers, response.body) == ([("Content-Type", "application/json")], b"")


def test_a_base64_body_is_decoded() -> None:
    response = response_from(b'{"statusCode": 200, "body": "AP8=", "isBase64Encoded": true}')
    assert response.body == b"\x00\xff"


def test_single_and_multiple_headers_are_merged_without_doubles() -> None:
    answer = {
        "statusCode": 200,
        "headers": {"set-cookie": "a=1", "x-other": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "Content-Type": ["text/html"]},
    }
    assert response_from(json.dumps(answer).encode()).headers == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Content-Type", "text/html"),
        ("x-other", "1"),
    ]


def test_headers_of_the_connection_are_dropped_and_some_renamed() -> None:
    names = ["Transfer-Encoding", "Content-Length", "Host", "WWW-Authenticate", "Connection"]
    answer = {"statusCode": 401, "headers": dict.fromkeys(names, "x")}
    kept = [name for name, _ in response_from(json.dumps(answer).encode()).headers]
    assert kept == [
        "x-amzn-Remapped-WWW-Authenticate",
        "x-amzn-Remapped-Connection",
        "Content-Type",
    ]


@pytest.mark.parametrize(
    "payload",
    [
        "null",
        "[]",
        '"text"',
        "not JSON",
        "{}",
        '{"statusCode": "many"}',
        '{"statusCode": 99}',
        '{"statusCode": 700}',
        '{"statusCode": 200, "body": {"a": 1}}',
        '{"statusCode": 200, "body": "\\ud800"}',
        '{"statusCode": 200, "body": "!", "isBase64Encoded": true}',
        '{"statusCode": 200, "headers": ["X-A"]}',
        '{"statusCode": 200, "headers": {"X-A": "1\\r\\nX-B: 2"}}',
        '{"statusCode": 200, "headers": {"X A": "1"}}',
        '{"statusCode": 200, "headers": {"X-A": "\\ud800"}}',
        '{"statusCode": 200, "multiValueHeaders": {"X-A": 1}}',
    ],
)
def test_what_is_no_proxy_response_is_refused(payload: str) -> None:
    with pytest.raises(MalformedResponseError):
        response_from(payload.encode())
