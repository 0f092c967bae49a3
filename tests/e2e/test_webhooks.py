"""Through everything that `make dev` runs: what a user does comes to their own server, signed."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from tests.cloud_fixtures import Cloud
from tests.web_fixtures import PASSWORD

WEBHOOKS = "/v2/webapp/webhooks"
SOON_S = 30
"""Within how many seconds a message must come; cold starts of four functions are among them."""

type Message = tuple[dict[str, str], bytes]


class Receiver:
    """A user's own server: `messages` are those that it got, `statuses` what it answers next."""

    def __init__(self) -> None:
        self.messages: Queue[Message] = Queue()
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.messages.put((headers, body))
                told = json.loads(body)["data"].get("challenge", "ok").encode()
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def next(self) -> Message:
        return self.messages.get(timeout=SOON_S)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def user(cloud: Cloud) -> Iterator[httpx.Client]:
    """A new user, logged in."""
    name = f"user-{uuid4().hex[:8]}"
    with httpx.Client(base_url=cloud.url, timeout=60) as client:
        given = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        assert client.post("/v2/webapp/users", json=given).status_code == 201
        form = {"username": name, "password": PASSWORD}
        token = client.post("/v2/webapp/login", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def create(user: httpx.Client, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    draft = {"url": receiver.url, "event_types": ["item.*"]} | fields
    made = user.post(WEBHOOKS, json=draft)
    assert made.status_code == 201, made.text
    endpoint: dict[str, Any] = made.json()
    return endpoint


def make_item(user: httpx.Client) -> str:
    headers = {"Idempotency-Key": str(uuid4())}
    made = user.post("/v2/webapp/items", json={"name": "Lantern"}, headers=headers)
    assert made.status_code == 201, made.text
    id_: str = made.json()["id"]
    return id_


def test_an_item_that_is_made_comes_signed_and_again_after_a_failure(
    user: httpx.Client, receiver: Receiver
) -> None:
    endpoint = create(user, receiver)
    receiver.statuses = [500]
    item_id = make_item(user)
    headers, body = receiver.next()
    verified = Webhook(endpoint["secrets"][0]["secret"]).verify(body, headers)
    assert verified["type"] == "item.created"
    assert item_id in json.dumps(verified["data"])
    # Five seconds later, and not at the next minute's sweep.
    again, same = receiver.next()
    assert (again["webhook-id"], same) == (headers["webhook-id"], body)
    waited_s = int(again["webhook-timestamp"]) - int(headers["webhook-timestamp"])
    assert 5 <= waited_s < SOON_S


def test_a_challenge_is_answered_before_anything_else_is_sent(
    user: httpx.Client, receiver: Receiver
) -> None:
    endpoint = create(user, receiver, verification="challenge")
    assert endpoint["state"] == "unverified"
    _, body = receiver.next()
    assert json.loads(body)["type"] == "endpoint.verification"


def test_a_test_comes_with_an_example(user: httpx.Client, receiver: Receiver) -> None:
    endpoint = create(user, receiver)
    sent = user.post(f"{WEBHOOKS}/{endpoint['id']}/test", json={"event_type": "item.created"})
    assert sent.status_code == 202, sent.text
    headers, body = receiver.next()
    assert headers["webhook-id"] == sent.json()["message_id"]
    assert json.loads(body)["type"] == "item.created"
