"""What the gateway serves below `/_local/`, and whom it refuses."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from infra_cdk.local.console.console import Console
from infra_cdk.local.gateway.server import Gateway, Limits
from infra_cdk.local.lambda_service.outcome import Outcome, failure
from infra_cdk.registry import Registered
from shared.manifest.function import Function
from shared.manifest.triggers import Invoke
from tests.infra_cdk.local.console.test_mailbox import MAIL

pytestmark = pytest.mark.anyio

NAMES = ("echo", "broken")
FUNCTIONS = [
    Registered(spec=Function(name=name, triggers=(Invoke(),)), package=name) for name in NAMES
]


async def invoke(name: str, event: bytes) -> Outcome:
    return failure("ValueError", "no") if name == "broken" else Outcome(payload=event)


async def mails() -> Sequence[Mapping[str, Any]]:
    return [MAIL]


@asynccontextmanager
async def client() -> AsyncIterator[ClientSession]:
    console = Console(NAMES, invoke=invoke, mails=mails)
    gateway = Gateway(FUNCTIONS, invoke, limits=Limits(event_bytes=1000), console=console)
    await gateway.start("127.0.0.1", 0)
    try:
        async with ClientSession(f"http://127.0.0.1:{gateway.port}") as session:
            yield session
    finally:
        await gateway.stop()


async def answer_to(
    method: str, path: str, *, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, Any]]:
    """The status of an answer, and its JSON. In a header, `PORT` stands for the gateway's."""
    async with client() as session:
        port = str(session._base_url.port) if session._base_url else ""
        sent = {name: text.replace("PORT", port) for name, text in headers.items()}
        async with session.request(method, path, data=body, headers=sent) as got:
            found: dict[str, Any] = json.loads(await got.read())
            return got.status, found


class TestFunctions:
    async def test_an_event_is_given_to_the_function_and_its_answer_returned(self) -> None:
        got = await answer_to("POST", "/_local/functions/echo", body=b'{"a": [1]}')
        assert got == (200, {"a": [1]})

    async def test_without_a_body_the_event_is_empty(self) -> None:
        assert await answer_to("POST", "/_local/functions/echo") == (200, {})

    async def test_an_error_of_the_function_is_a_502_with_its_object(self) -> None:
        got = await answer_to("POST", "/_local/functions/broken")
        assert got == (502, {"errorType": "ValueError", "errorMessage": "no"})

    @pytest.mark.parametrize("name", ["nothing", "", "echo/", "../echo"])
    async def test_an_unknown_name_is_a_404_that_lists_the_names(self, name: str) -> None:
        status, problem = await answer_to("POST", f"/_local/functions/x{name}")
        assert (status, problem["status"]) == (404, 404)
        assert "broken, echo" in problem["detail"]

    async def test_an_event_that_is_no_json_is_a_400(self) -> None:
        status, problem = await answer_to("POST", "/_local/functions/echo", body=b"{")
        assert (status, "the event is no JSON" in problem["detail"]) == (400, True)

    async def test_an_event_that_is_no_text_is_a_400(self) -> None:
        assert (await answer_to("POST", "/_local/functions/echo", body=b"\xff\xfe{"))[0] == 400

    async def test_an_event_above_lambdas_limit_is_a_413(self) -> None:
        got = await answer_to("POST", "/_local/functions/echo", body=b" " * 1001)
        assert got[0] == 413

    async def test_another_method_is_a_405(self) -> None:
        assert (await answer_to("GET", "/_local/functions/echo"))[0] == 405


class TestMailbox:
    async def test_the_page_is_html_that_runs_no_script(self) -> None:
        async with client() as session, session.get("/_local/mailbox") as got:
            assert (got.status, got.content_type) == (200, "text/html")
            assert got.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
            assert "script-src" not in got.headers["Content-Security-Policy"]
            assert "Hello" in await got.text()

    async def test_the_same_is_there_as_json(self) -> None:
        assert await answer_to("GET", "/_local/mailbox.json") == (200, {"mails": [MAIL]})

    async def test_another_method_is_a_405(self) -> None:
        async with client() as session, session.delete("/_local/mailbox") as got:
            assert (got.status, got.headers["Allow"]) == (405, "GET")


class TestAccess:
    @pytest.mark.parametrize("origin", ["http://127.0.0.1:PORT", "http://localhost:PORT"])
    async def test_the_gateways_own_pages_may_use_it(self, origin: str) -> None:
        assert (await answer_to("POST", "/_local/functions/echo", Origin=origin))[0] == 200

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "https://127.0.0.1:PORT",
            "http://127.0.0.1",
            "http://127.0.0.1:PORT.evil.example",
            "http://evil.example/http://127.0.0.1:PORT",
            "null",
            "",
        ],
    )
    @pytest.mark.parametrize("path", ["/_local/functions/echo", "/_local/mailbox.json"])
    async def test_a_page_from_elsewhere_may_not(self, origin: str, path: str) -> None:
        status, problem = await answer_to("POST", path, Origin=origin)
        assert (status, "may not use this" in problem["detail"]) == (403, True)

    @pytest.mark.parametrize(
        "host", ["evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "evil.example"]
    )
    async def test_a_name_that_was_made_to_lead_here_is_refused(self, host: str) -> None:
        status, problem = await answer_to("GET", "/_local/mailbox.json", Host=host)
        assert (status, "this is for 127.0.0.1:" in problem["detail"]) == (403, True)

    async def test_every_answer_keeps_itself_to_this_origin(self) -> None:
        for path in ("/_local/mailbox", "/_local/mailbox.json", "/_local/nothing"):
            async with client() as session, session.get(path) as got:
                assert got.headers["Cross-Origin-Resource-Policy"] == "same-origin"
                assert got.headers["X-Frame-Options"] == "DENY"
                assert got.headers["Cache-Control"] == "no-store"
                assert "Access-Control-Allow-Origin" not in got.headers


async def test_another_path_is_a_404() -> None:
    assert (await answer_to("GET", "/_local/nothing"))[0] == 404


async def test_without_a_console_the_path_is_none_of_the_api() -> None:
    gateway = Gateway(FUNCTIONS, invoke)
    await gateway.start("127.0.0.1", 0)
    try:
        address = f"http://127.0.0.1:{gateway.port}/_local/mailbox"
        async with ClientSession() as session, session.get(address) as got:
            assert got.status == 404
    finally:
        await gateway.stop()
