"""The gateway over HTTP, in front of a function that is a fake."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from infra_cdk.local.gateway.server import Gateway, Limits
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.local.processes import accepts_connections
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.gateway import GATEWAY_RESPONSE_HEADERS
from shared.manifest.triggers import Http

pytestmark = pytest.mark.anyio

type Invoke = Callable[[str, bytes], Awaitable[Outcome]]

ECHO = Registered(
    spec=Function(name="echo", triggers=(Http("/echo/{proxy+}"),)), package="functions.echo"
)


def answer(**members: Any) -> Outcome:
    return Outcome(payload=json.dumps({"statusCode": 200} | members).encode())


async def echo(name: str, event: bytes) -> Outcome:
    """Answer with the event's own body."""
    received = json.loads(event)
    return answer(
        body=received["body"], isBase64Encoded=received["isBase64Encoded"], headers={"X-Fn": name}
    )


@asynccontextmanager
async def serving(
    invoke: Invoke = echo, *, limits: Limits | None = None
) -> AsyncIterator[tuple[ClientSession, Gateway]]:
    gateway = Gateway([ECHO], invoke, limits=limits or Limits())
    await gateway.start("127.0.0.1", 0)
    try:
        async with ClientSession(f"http://127.0.0.1:{gateway.port}") as client:
            yield client, gateway
    finally:
        await gateway.stop()


async def problem_of(
    invoke: Invoke = echo, *, limits: Limits | None = None, path: str = "/echo/x", **sent: Any
) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with (
        serving(invoke, limits=limits) as (client, _),
        client.request("POST", path, **sent) as got,
    ):
        return (
            got.status,
            await got.json(content_type="application/problem+json"),
            dict(got.headers),
        )


async def raw(port: int, text: bytes) -> bytes:
    """Send bytes as they are, and read until the gateway closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    async with asyncio.timeout(10):
        received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


async def test_a_body_goes_to_the_function_and_back_byte_for_byte() -> None:
    body = bytes(range(256)) * 4000
    async with serving() as (client, _), client.post("/echo/x", data=body) as got:
        assert (got.status, await got.read()) == (200, body)
        assert got.headers["X-Fn"] == "echo"


async def test_a_compressed_body_is_left_compressed() -> None:
    sent: dict[str, Any] = {
        "data": b"\x1f\x8b no gzip at all",
        "headers": {"Content-Encoding": "gzip"},
    }
    async with serving() as (client, _), client.post("/echo/x", **sent) as got:
        assert await got.read() == sent["data"]


async def test_a_connection_serves_one_request_after_another() -> None:
    async with serving() as (_, gateway):
        one = b"GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n"
        last = b"GET /echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert (await raw(gateway.port, one + one + last)).count(b"HTTP/1.1 200 OK") == 3


async def test_an_answer_to_head_has_no_body() -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        return answer(body="text")

    request = b"HEAD /echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with serving(invoke) as (_, gateway):
        head, _, body = (await raw(gateway.port, request)).partition(b"\r\n\r\n")
    assert (b"Content-Length: 4" in head, body) == (True, b"")


async def test_an_expected_continue_is_sent_before_the_body() -> None:
    async with serving() as (_, gateway):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(
            b"POST /echo/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(10):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"hi")
            assert (await reader.read()).endswith(b"\r\n\r\nhi")
        writer.close()
        await writer.wait_closed()


async def test_a_path_without_a_resource_is_a_404_problem() -> None:
    status, problem, headers = await problem_of(path="/nowhere")
    assert (status, problem["status"], problem["code"]) == (404, 404, "not_found")
    assert headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    assert headers["x-amzn-RequestId"] == headers["X-Request-ID"] == problem["request_id"]
    assert GATEWAY_RESPONSE_HEADERS.items() <= headers.items()


async def test_a_function_that_fails_is_a_502_that_tells_nothing_of_it() -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        return failure("ValueError", "secret")

    status, problem, _ = await problem_of(invoke)
    assert (status, problem["code"]) == (502, "bad_gateway")
    assert "secret" not in json.dumps(problem)


async def test_a_malformed_answer_is_a_502() -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        return Outcome(payload=b'"text"')

    assert (await problem_of(invoke))[0] == 502


async def test_a_functions_own_time_out_is_a_502() -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        return failure("Sandbox.Timedout", "Task timed out", timed_out=True)

    assert (await problem_of(invoke))[0] == 502


async def test_a_function_slower_than_the_gateways_limit_is_a_504() -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        await asyncio.Event().wait()
        return answer()

    status, problem, _ = await problem_of(invoke, limits=Limits(timeout_s=0.05))
    assert (status, problem["code"]) == (504, "gateway_timeout")


async def test_an_error_of_the_gateway_itself_is_a_500_problem(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def invoke(name: str, event: bytes) -> Outcome:
        raise RuntimeError("a fault of the gateway")

    status, problem, headers = await problem_of(invoke)
    assert (status, problem["code"]) == (500, "internal_error")
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert "a fault of the gateway" in caplog.text


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_the_limit_is_a_413(*, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"x" * 600
        yield b"x" * 600

    data = parts() if chunked else b"x" * 1200
    status, problem, headers = await problem_of(limits=Limits(payload_bytes=1000), data=data)
    assert (status, problem["code"]) == (413, "payload_too_large")
    assert headers["x-amzn-errortype"] == "RequestTooLargeException"


async def test_an_event_above_lambdas_limit_is_a_413() -> None:
    limits = Limits(event_bytes=3000)
    assert (await problem_of(limits=limits, data=b"x" * 2000))[0] == 413


async def test_headers_above_the_limit_are_a_413() -> None:
    assert (await problem_of(headers={"X-Long": "x" * 10_241}))[0] == 413


async def test_headers_below_the_limit_pass() -> None:
    sent: dict[str, Any] = {"headers": {"X-Long": "x" * 9000}}
    async with serving() as (client, _), client.get("/echo/x", **sent) as got:
        assert got.status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NOT HTTP\r\n\r\n",
        b"GET /echo/\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /echo/x HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_400_problem(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as (_, gateway):
        head, _, body = (await raw(gateway.port, request_bytes)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["code"] == "bad_request"
    [record] = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)


async def test_a_header_that_is_no_utf8_reaches_the_function() -> None:
    seen: list[dict[str, Any]] = []

    async def invoke(name: str, event: bytes) -> Outcome:
        seen.append(json.loads(event))
        return answer()

    request = b"GET /echo/x HTTP/1.1\r\nHost: a\r\nX-A: \xff\r\nConnection: close\r\n\r\n"
    async with serving(invoke) as (_, gateway):
        assert b" 200 " in await raw(gateway.port, request)
    assert seen[0]["headers"]["X-A"] == "\xff"


async def test_a_proxys_form_of_the_address_is_understood() -> None:
    request = b"GET http://a/echo/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with serving() as (_, gateway):
        assert b" 200 " in await raw(gateway.port, request)


async def test_a_client_that_leaves_stops_neither_its_call_nor_the_gateway() -> None:
    began, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def invoke(name: str, event: bytes) -> Outcome:
        began.set()
        await go.wait()
        ended.set()
        return answer()

    async with serving(invoke) as (client, gateway):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(10):
            await began.wait()
            writer.close()
            await writer.wait_closed()
            go.set()
            await ended.wait()
        async with client.get("/echo/x") as got:
            assert got.status == 200


async def test_each_request_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="infra_cdk.local.gateway"):
        async with serving() as (client, _), client.get("/echo/x?token=secret") as got:
            assert got.status == 200
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[:3] for line in lines] == [["GET", "/echo/x", "200"]]


async def test_a_taken_port_is_an_error_and_a_stopped_gateway_frees_its_own() -> None:
    async with serving() as (_, gateway):
        with pytest.raises(OSError, match="in use"):
            await Gateway([ECHO], echo).start("127.0.0.1", gateway.port)
    assert not accepts_connections(gateway.port)
