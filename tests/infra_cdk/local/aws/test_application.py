"""What stands around moto: mail is kept, links are checked, the rest passes."""

import json
import stat
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from infra_cdk.local.aws.application import Application
from infra_cdk.local.aws.client import SENT_PATH
from infra_cdk.local.aws.mail import MAIL_PATH, MOST
from infra_cdk.local.aws.secrets import PUT_SECRET
from infra_cdk.local.environment import SIGNING_SECRET
from infra_cdk.local.state import SIGNING_KEY, State

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
MAIL = {
    "FromEmailAddress": "switchyard@example.com",
    "Destination": {"ToAddresses": ["ada@example.com"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Grüße"},
            "Body": {"Text": {"Data": "plain"}, "Html": {"Data": "<p>rich</p>"}},
            "Headers": [{"Name": "X-Message-ID", "Value": "7"}],
        }
    },
}


class Moto:
    """Stands in for moto: notes what it gets, and answers as it is told."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.seen: list[tuple[str, bytes]] = []

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = Request(environ)
        self.seen.append((request.path, request.get_data()))
        answer = {"MessageId": f"id-{len(self.seen)}"}
        response = Response(json.dumps(answer), self.status, content_type="application/json")
        return response(environ, start_response)


def client_of(moto: Moto) -> Client:
    return Client(Application(moto, now=lambda: NOW))


def sent(client: Client) -> list[dict[str, Any]]:
    mails: list[dict[str, Any]] = client.get(SENT_PATH).get_json()["mails"]
    return mails


def send(client: Client, **changed: Any) -> int:
    return client.post(MAIL_PATH, json=MAIL | changed).status_code


class TestMail:
    def test_what_ses_took_is_kept_whole(self) -> None:
        moto = Moto()
        client = client_of(moto)
        assert send(client) == 200
        assert json.loads(moto.seen[0][1]) == MAIL
        assert sent(client) == [
            {
                "id": "id-1",
                "sent_at": "2026-11-25T10:00:00.000Z",
                "from": "switchyard@example.com",
                "to": ["ada@example.com"],
                "cc": [],
                "bcc": [],
                "reply_to": [],
                "subject": "Grüße",
                "text": "plain",
                "html": "<p>rich</p>",
                "headers": {"X-Message-ID": "7"},
            }
        ]

    def test_the_newest_comes_first_and_the_oldest_goes(self) -> None:
        client = client_of(Moto())
        for _ in range(MOST + 2):
            send(client)
        mails = sent(client)
        assert (mails[0]["id"], len(mails)) == (f"id-{MOST + 2}", MOST)

    def test_what_ses_refused_is_not_kept(self) -> None:
        client = client_of(Moto(status=400))
        assert send(client) == 400
        assert sent(client) == []

    def test_a_web_page_may_not_read_it(self) -> None:
        answer = client_of(Moto()).get(SENT_PATH, headers={"Origin": "http://evil.example"})
        assert (answer.status_code, answer.data) == (403, b"")


class TestLinks:
    PATH = "/files/a.csv?X-Amz-Signature=1"

    def test_one_that_is_refused_never_reaches_moto(self) -> None:
        moto = Moto()
        answer = client_of(moto).get(self.PATH)
        assert (answer.status_code, answer.content_type) == (400, "application/xml")
        assert moto.seen == []

    def test_a_browsers_question_before_an_upload_bears_no_signature_of_its_own(self) -> None:
        assert client_of(Moto()).options(self.PATH).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_everything_else_passes(method: str) -> None:
    moto = Moto()
    answer = client_of(moto).open("/files/a%20b.csv?x=1", method=method, data=b"body")
    assert answer.get_json() == {"MessageId": "id-1"}
    assert moto.seen == [("/files/a b.csv", b"body")]


class TestSecrets:
    """moto forgets; the runner puts back what it finds in its state."""

    @staticmethod
    def put(moto: Moto, place: Path | None, name: str = SIGNING_SECRET) -> int:
        client = Client(Application(moto, place=place, now=lambda: NOW))
        asked = {"SecretId": name, "SecretString": "rotated"}
        return client.post("/", json=asked, headers={"X-Amz-Target": PUT_SECRET}).status_code

    def test_the_signing_secret_is_what_the_next_run_starts_with(self, tmp_path: Path) -> None:
        moto, state = Moto(), State(tmp_path)
        state.signing_key()
        assert self.put(moto, tmp_path) == 200
        assert json.loads(moto.seen[0][1])["SecretString"] == "rotated"
        assert State(tmp_path).signing_key() == "rotated"
        assert stat.S_IMODE((tmp_path / SIGNING_KEY).stat().st_mode) == 0o600

    def test_what_moto_refused_is_not_kept(self, tmp_path: Path) -> None:
        assert self.put(Moto(status=400), tmp_path) == 400
        assert list(tmp_path.iterdir()) == []

    def test_another_secret_is_not_kept(self, tmp_path: Path) -> None:
        assert self.put(Moto(), tmp_path, "switchyard/local/vault") == 200
        assert list(tmp_path.iterdir()) == []

    def test_without_a_state_nothing_is(self) -> None:
        assert self.put(Moto(), None) == 200
