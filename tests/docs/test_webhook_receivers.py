"""The receivers of docs/examples/webhooks answer as their sender needs it."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import receiver_fastapi
from webhook_verification import Webhook

from shared.core.webhook_signing import (
    SIGNATURE_HEADER,
    Signer,
    new_private_key,
    new_secret,
    public_key_of,
)
from tests.node_fixtures import NODE, ROOT

SECRET, PRIVATE = new_secret(), new_private_key()
KEYS = f"{SECRET} {public_key_of(PRIVATE)}"
BODY = b'{"type":"item.created","data":{}}'

pytestmark = pytest.mark.anyio


def request_of(
    message_id: str, *keys: str, body: bytes = BODY, late: timedelta = timedelta()
) -> httpx.Request:
    at = datetime.now(UTC) + late
    headers = Signer.of(*(keys or (SECRET,))).sign(message_id, at=at, body=body)
    headers["content-type"] = "application/json"
    return httpx.Request("POST", "http://receiver/webhooks", content=body, headers=headers)


class Handled(list[str]):
    """The ids of what was handled, in order; `fails` makes the next one fail."""

    fails = False


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Handled:
    handled = Handled()

    def handle(webhook: Webhook) -> None:
        handled.append(webhook.id)
        if handled.fails:
            raise ValueError

    monkeypatch.setattr(receiver_fastapi, "handle", handle)
    return handled


class TestFastAPI:
    @pytest.fixture
    async def client(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> AsyncIterator[httpx.AsyncClient]:
        monkeypatch.setenv("WEBHOOK_KEYS", KEYS)
        monkeypatch.setenv("WEBHOOK_INBOX", str(tmp_path / "inbox"))
        transport = httpx.ASGITransport(receiver_fastapi.create_app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            yield client

    async def test_a_webhook_is_handled_once_however_often_it_comes(
        self, client: httpx.AsyncClient, handled: Handled
    ) -> None:
        # The second is a retry: the id of the first, with a time and signatures of its own.
        for late in (timedelta(), timedelta(seconds=5)):
            answer = await client.send(request_of("msg_1", SECRET, PRIVATE, late=late))
            assert (answer.status_code, answer.content) == (204, b"")
        await client.send(request_of("msg_2", PRIVATE))
        assert handled == ["msg_1", "msg_2"]

    async def test_what_is_not_verified_is_400_and_not_handled(
        self, client: httpx.AsyncClient, handled: Handled
    ) -> None:
        for refused in (
            request_of("msg_1", new_secret()),
            request_of("msg_1", late=timedelta(minutes=6)),
            request_of("msg_1", late=timedelta(minutes=-6)),
            httpx.Request("POST", "http://receiver/webhooks", content=BODY),
        ):
            assert (await client.send(refused)).status_code == 400
        assert handled == []

    async def test_what_fails_is_500_and_handled_when_it_comes_again(
        self, client: httpx.AsyncClient, handled: Handled
    ) -> None:
        handled.fails = True
        assert (await client.send(request_of("msg_1"))).status_code == 500
        handled.fails = False
        assert (await client.send(request_of("msg_1"))).status_code == 204
        assert handled == ["msg_1", "msg_1"]

    async def test_a_body_that_is_too_large_is_413(
        self, client: httpx.AsyncClient, handled: Handled
    ) -> None:
        answer = await client.send(request_of("msg_1", body=b" " * (256 * 1024 + 1)))
        assert answer.status_code == 413
        assert handled == []

    async def test_what_it_does_by_itself_is_to_log_the_type(
        self, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("INFO", logger="receiver_fastapi"):
            await client.send(request_of("msg_1"))
        assert "msg_1: item.created" in caplog.messages


class TestNode:
    @pytest.fixture
    def receiver(self) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [NODE, ROOT / "docs" / "examples" / "webhooks" / "receiver-node.ts"],
            env={"WEBHOOK_KEYS": KEYS, "PORT": "0", "PATH": os.defpath},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            yield process
            process.kill()

    @pytest.fixture
    def address(self, receiver: subprocess.Popen[str]) -> str:
        assert receiver.stdout is not None
        said = receiver.stdout.readline()
        assert said.startswith("listening on http://127.0.0.1:")
        return said.split()[-1]

    def statuses(self, address: str, *requests: httpx.Request) -> list[int]:
        with httpx.Client(trust_env=False) as client:
            return [
                client.request(
                    sent.method, address, content=sent.content, headers=dict(sent.headers)
                ).status_code
                for sent in requests
            ]

    def printed(self, receiver: subprocess.Popen[str]) -> list[str]:
        """What it printed until it was ended, with nothing on its standard error."""
        receiver.terminate()
        out, err = receiver.communicate(timeout=30)
        assert err == ""
        return out.splitlines()

    def test_a_webhook_is_handled_once_however_often_it_comes(
        self, receiver: subprocess.Popen[str], address: str
    ) -> None:
        sent = (
            request_of("msg_1", SECRET, PRIVATE),
            request_of("msg_1", late=timedelta(seconds=5)),
            request_of("msg_2", PRIVATE),
        )
        assert self.statuses(address, *sent) == [204, 204, 204]
        assert self.printed(receiver) == [
            "msg_1: item.created",
            "msg_2: item.created",
        ]

    def test_what_is_not_verified_is_400_and_not_handled(
        self, receiver: subprocess.Popen[str], address: str
    ) -> None:
        unsigned = request_of("msg_1")
        del unsigned.headers[SIGNATURE_HEADER]
        sent = (
            request_of("msg_1", new_secret()),
            request_of("msg_1", late=timedelta(minutes=6)),
            request_of("msg_1", late=timedelta(minutes=-6)),
            unsigned,
        )
        assert self.statuses(address, *sent) == [400] * 4
        assert self.printed(receiver) == []

    def test_what_fails_is_500_and_handled_when_it_comes_again(
        self, receiver: subprocess.Popen[str], address: str
    ) -> None:
        nothing = json.dumps(None).encode()
        failing = (request_of("msg_1", body=nothing), request_of("msg_1", body=nothing))
        assert self.statuses(address, *failing, request_of("msg_1")) == [500, 500, 204]
        assert self.printed(receiver) == ["msg_1: item.created"]

    def test_a_body_that_is_too_large_is_413_and_another_path_404(
        self, receiver: subprocess.Popen[str], address: str
    ) -> None:
        large = request_of("msg_1", body=b" " * (256 * 1024 + 1))
        assert self.statuses(address, large) == [413]
        assert self.statuses(address + "/other", request_of("msg_1")) == [404]
        assert self.statuses(address, httpx.Request("GET", address)) == [404]
        assert self.printed(receiver) == []
