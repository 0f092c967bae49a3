"""What every HTTP function does around its routes, shown on an application of the test's own."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from shared.config.http import http_settings
from shared.core.correlation import current
from shared.core.errors import ServiceUnavailableError
from shared.manifest.headers import SECURITY_HEADERS
from shared.web.app import create_app
from tests.web_fixtures import Log, client_of

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROBLEM = {"type", "title", "status", "detail", "code", "request_id", "errors"}

router = APIRouter(prefix="/v2/test")


@router.get("/ids")
async def get_ids() -> dict[str, str | None]:
    correlation = current()
    assert correlation
    return {"request_id": correlation.request_id, "traceparent": correlation.traceparent}


@router.get("/bug/{name}")
async def get_bug(name: str) -> None:
    raise RuntimeError(f"password={name}")


@router.get("/down")
async def get_down() -> None:
    raise ServiceUnavailableError("Nothing is there.")


@router.post("/echo")
async def post_echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@router.get("/things/{number}")
@router.patch("/things/{number}")
@router.delete("/things/{number}")
async def use_thing(number: int) -> int:
    return number


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example.com, https://other.example.com")
    monkeypatch.setenv("TRUSTED_HOSTS", "api.example.com,*.trusted.example")
    http_settings.cache_clear()
    yield monkeypatch
    http_settings.cache_clear()


@pytest.fixture
async def client(settings: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(title="Test", routers=[router])) as client:
        yield client


class TestRequestId:
    @pytest.mark.parametrize(
        "sent", ["a1b2c3d4", "0199f3a2-5d41-7c86-9f0e-2b7d8c1e6a35", "a" * 128]
    )
    async def test_a_well_formed_one_is_kept(self, client: httpx.AsyncClient, sent: str) -> None:
        answer = await client.get("/v2/test/ids", headers={"X-Request-ID": sent})
        assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == sent

    @pytest.mark.parametrize(
        "sent", ["", "short", "a" * 129, "a b c d e f", 'a"};drop', "-a1b2c3d4"]
    )
    async def test_another_is_replaced(self, client: httpx.AsyncClient, sent: str) -> None:
        answer = await client.get("/v2/test/ids", headers={"X-Request-ID": sent})
        assert answer.headers["X-Request-ID"] not in {sent, ""}

    async def test_stands_in_every_problem(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/nothing", headers={"X-Request-ID": "a1b2c3d4"})
        assert answer.json()["request_id"] == "a1b2c3d4"


class TestTrace:
    async def test_a_well_formed_traceparent_is_kept(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v2/test/ids", headers={"traceparent": TRACEPARENT})
        assert answer.json()["traceparent"] == TRACEPARENT

    @pytest.mark.parametrize(
        "sent",
        [
            TRACEPARENT.upper(),
            TRACEPARENT[:-1],
            "ff" + TRACEPARENT[2:],
            f"00-{'0' * 32}-b7ad6b7169203331-01",
        ],
    )
    async def test_another_is_dropped(self, client: httpx.AsyncClient, sent: str) -> None:
        answer = await client.get("/v2/test/ids", headers={"traceparent": sent})
        assert answer.json()["traceparent"] is None


class TestProblems:
    @pytest.mark.parametrize(
        ("method", "path", "content", "status", "code"),
        [
            ("GET", "/nothing", b"", 404, "not_found"),
            ("GET", "/v2/test/ids/", b"", 404, "not_found"),
            ("DELETE", "/v2/test/ids", b"", 405, "method_not_allowed"),
            ("POST", "/v2/test/echo", b"{", 400, "malformed_body"),
            ("POST", "/v2/test/echo", b"[]", 422, "validation_failed"),
            ("POST", "/v2/test/echo", b"{}" + b" " * 1024 * 1024, 413, "payload_too_large"),
            ("GET", "/v2/test/bug/x", b"", 500, "internal_error"),
            ("GET", "/v2/test/down", b"", 503, "service_unavailable"),
        ],
    )
    async def test_every_error_is_one(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        content: bytes,
        status: int,
        code: str,
    ) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await client.request(method, path, content=content, headers=headers)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert set(answer.json()) == PROBLEM
        assert answer.json()["status"] == status
        assert answer.json()["code"] == code

    @pytest.mark.parametrize("content", [b'{"name": "\xff"}', b"[" * 50_000, b"9" * 5_000])
    async def test_a_body_that_no_parser_reads_is_named(
        self, client: httpx.AsyncClient, content: bytes
    ) -> None:
        headers = {"Content-Type": "application/json"}
        problem = (await client.post("/v2/test/echo", content=content, headers=headers)).json()
        assert problem["code"] == "malformed_body"
        assert [each["location"] for each in problem["errors"]] == [["body"]]

    async def test_405_names_the_methods_that_there_are(self, client: httpx.AsyncClient) -> None:
        assert (await client.delete("/v2/test/ids")).headers["Allow"] == "GET"
        assert (await client.put("/v2/test/things/7")).headers["Allow"] == "GET, PATCH, DELETE"

    async def test_503_says_when_to_try_again(self, client: httpx.AsyncClient) -> None:
        assert int((await client.get("/v2/test/down")).headers["Retry-After"]) > 0

    async def test_a_body_without_a_length_is_counted(self, client: httpx.AsyncClient) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(65):
                yield b" " * 16 * 1024

        headers = {"Content-Type": "application/json"}
        answer = await client.post("/v2/test/echo", content=chunks(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")

    async def test_a_bug_tells_the_log_all_and_the_caller_nothing(
        self, client: httpx.AsyncClient, log: Log
    ) -> None:
        answer = await client.get("/v2/test/bug/x", headers={"X-Request-ID": "a1b2c3d4"})
        assert "RuntimeError" not in answer.text
        failure, request = log()
        assert (failure["level"], request["level"]) == ("ERROR", "INFO")
        assert "RuntimeError" in failure["exception"]
        assert failure["request_id"] == "a1b2c3d4"


class TestLog:
    async def test_a_request_is_one_line_by_its_route(
        self, client: httpx.AsyncClient, log: Log
    ) -> None:
        headers = {"X-Request-ID": "a1b2c3d4", "traceparent": TRACEPARENT}
        await client.get("/v2/test/down?search=private", headers=headers)
        (logged,) = log()
        assert logged["message"] == "request"
        assert logged["request_id"] == "a1b2c3d4"
        assert logged["trace_id"] == TRACEPARENT.split("-")[1]
        assert (logged["method"], logged["status"]) == ("GET", 503)
        assert logged["route"] == "/v2/test/down"
        assert "private" not in str(logged)

    async def test_a_parameter_stands_by_its_name_in_the_route(
        self, client: httpx.AsyncClient, log: Log
    ) -> None:
        await client.get("/v2/test/bug/some-name")
        logged = log()[-1]
        assert logged["route"] == "/v2/test/bug/{name}"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/v2/test/ids", "/nothing", "/v2/test/bug/x"])
    async def test_every_answer_is_secured(self, client: httpx.AsyncClient, path: str) -> None:
        headers = (await client.get(path)).headers
        assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert headers["Cache-Control"] == "no-store"


class TestTrustedHosts:
    @pytest.mark.parametrize(
        "host",
        ["api.example.com", "API.example.com:8443", "a.trusted.example", "a.b.trusted.example:1"],
    )
    async def test_those_of_the_settings_are_answered(
        self, client: httpx.AsyncClient, host: str
    ) -> None:
        assert (await client.get("/v2/test/ids", headers={"Host": host})).status_code == 200

    @pytest.mark.parametrize(
        "host", ["", "evil.example", "trusted.example", "api.example.com.evil.example"]
    )
    async def test_others_are_400(self, client: httpx.AsyncClient, host: str) -> None:
        answer = await client.get("/v2/test/ids", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "untrusted_host")


class TestCors:
    async def test_an_origin_of_the_settings_may_read_every_answer(
        self, client: httpx.AsyncClient
    ) -> None:
        for path in ("/v2/test/ids", "/v2/test/bug/x"):
            answer = await client.get(path, headers={"Origin": "https://other.example.com"})
            assert answer.headers["Access-Control-Allow-Origin"] == "https://other.example.com"
            exposed = answer.headers["Access-Control-Expose-Headers"]
            assert {"ETag", "Idempotent-Replayed"} <= set(exposed.split(", "))

    async def test_another_may_not(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v2/test/ids", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers

    async def test_a_preflight_is_answered(self, client: httpx.AsyncClient) -> None:
        headers = {
            "Origin": "https://app.example.com",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,if-match,content-type,idempotency-key",
        }
        answer = await client.options("/v2/test/ids", headers=headers)
        assert answer.status_code == 200
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]

    async def test_a_refused_preflight_is_a_problem(self, client: httpx.AsyncClient) -> None:
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        answer = await client.options("/v2/test/ids", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "Access-Control-Allow-Origin" not in answer.headers
