"""Each mail is sent once for its event, however often and beside whom the event is delivered."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from sqlalchemy import select

from functions.queues.mail.handler import handler, send_mail
from functions.queues.mail.spec import SPEC
from infra_cdk.registry import ROOT
from shared.adapters import mail, vault
from shared.adapters.database.sessions import autocommit
from shared.adapters.inbox.models import HandledMessage
from shared.domains.mail.events import MailRequested, MailTemplate
from shared.worker.consumer import consume
from tests.lambda_context import LambdaContext
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


def event_of(name: str) -> Any:
    return json.loads((ROOT / f"events/sqs/mail/{name}.json").read_text())


WELCOME = event_of("welcome")
TWO = event_of("two_mails")
BODY = WELCOME["Records"][0]["body"]
EVENT_ID = json.loads(BODY)["detail"]["id"]


async def _answer(_: int) -> None:
    """Answer at once, whatever the number of the mail."""


@dataclass
class Ses:
    """What was sent; `before` comes before each mail is taken, with its number from 1."""

    before: Callable[[int], Awaitable[None]] = _answer
    tried: int = 0
    sent: list[dict[str, str]] = field(default_factory=list)

    async def send(self, **mail: str) -> str:
        self.tried += 1
        await self.before(self.tried)
        self.sent.append(mail)
        return f"ses-{len(self.sent)}"


@pytest.fixture
def ses(migrated_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Ses:
    ses = Ses()
    monkeypatch.setattr(mail, "send", ses.send)
    return ses


async def deliver(event: Any) -> list[str]:
    """Call the handler as Lambda does; return the messages that failed."""
    # In a thread, for it runs a loop of its own.
    answer = await asyncio.to_thread(handler, event, LambdaContext())
    return sorted(each["itemIdentifier"] for each in answer["batchItemFailures"])


async def handle() -> None:
    await consume(BODY, consumer="mail", handlers={MailRequested: send_mail})


async def handled() -> list[tuple[str, str]]:
    async with autocommit() as session:
        rows = await session.scalars(select(HandledMessage))
        return [(row.consumer, str(row.message_id)) for row in rows]


def ids_of(event: Any) -> list[str]:
    return [record["messageId"] for record in event["Records"]]


async def refuse(_: int) -> None:
    raise ClientError({"Error": {"Code": "MessageRejected", "Message": "No."}}, "SendEmail")


class TestSendMail:
    async def test_the_mail_of_an_event_is_sent_and_recorded(self, ses: Ses) -> None:
        assert await deliver(WELCOME) == []
        (sent,) = ses.sent
        assert sent["to"] == "ada@example.com"
        assert sent["subject"] == "Welcome to Switchyard"
        assert sent["message_id"] == EVENT_ID
        assert "Hello ada," in sent["text"]
        assert "<h1" in sent["html"]
        assert await handled() == [("mail", EVENT_ID)]

    @DATA_API
    async def test_each_of_a_batch_is_sent(self, ses: Ses) -> None:
        assert await deliver(TWO) == []
        subjects = sorted(sent["subject"] for sent in ses.sent)
        assert subjects == ["Welcome to Switchyard", "Your import is finished"]

    @DATA_API
    async def test_the_log_names_the_mail_and_not_its_reader(self, ses: Ses, log: Log) -> None:
        await deliver(WELCOME)
        (line,) = [line for line in log() if line["message"] == "mail sent"]
        assert (line["template"], line["ses_message_id"]) == ("welcome", "ses-1")
        assert line["event_id"] == EVENT_ID
        assert "ada" not in json.dumps(line)


class TestOnce:
    async def test_an_event_that_comes_again_sends_nothing(self, ses: Ses) -> None:
        assert [await deliver(WELCOME) for _ in range(3)] == [[], [], []]
        assert len(ses.sent) == 1

    async def test_deliveries_at_once_send_one(self, ses: Ses) -> None:
        await asyncio.gather(*(handle() for _ in range(8)))
        assert (ses.tried, len(ses.sent)) == (1, 1)

    async def test_the_second_of_two_at_once_sends_where_ses_refused_the_first(
        self, ses: Ses
    ) -> None:
        reached, go = asyncio.Event(), asyncio.Event()

        async def fail_once(number: int) -> None:
            if number == 1:
                reached.set()
                await go.wait()
                await refuse(number)

        ses.before = fail_once
        first = asyncio.create_task(handle())
        await reached.wait()
        second = asyncio.create_task(handle())
        go.set()
        with pytest.raises(ClientError):
            await first
        await second
        assert (ses.tried, len(ses.sent)) == (2, 1)
        assert await handled() == [("mail", EVENT_ID)]

    async def test_the_same_mail_asked_for_twice_is_sent_twice(self, ses: Ses) -> None:
        other = json.loads(BODY)
        other["detail"]["id"] = "019ab8f2-1c00-7d3e-8b21-6f4a5c9d0eff"
        await handle()
        await consume(json.dumps(other), consumer="mail", handlers={MailRequested: send_mail})
        assert len(ses.sent) == 2


class TestFailures:
    async def test_what_ses_refuses_comes_again_and_is_sent_then(self, ses: Ses, log: Log) -> None:
        ses.before = refuse
        assert await deliver(WELCOME) == ids_of(WELCOME)
        assert await handled() == []
        ses.before = _answer
        assert await deliver(WELCOME) == []
        assert len(ses.sent) == 1

    @DATA_API
    async def test_an_answer_that_is_lost_has_the_mail_sent_again_under_the_same_id(
        self, ses: Ses, log: Log, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lose(**sent: str) -> str:
            await ses.send(**sent)
            raise ReadTimeoutError(endpoint_url="https://email.example.com")

        with monkeypatch.context() as patch:
            patch.setattr(mail, "send", lose)
            assert await deliver(WELCOME) == ids_of(WELCOME)
        assert await deliver(WELCOME) == []
        assert [sent["message_id"] for sent in ses.sent] == [EVENT_ID, EVENT_ID]

    @DATA_API
    async def test_one_that_fails_does_not_hold_up_the_other(self, ses: Ses, log: Log) -> None:
        event = {"Records": [*event_of("value_missing")["Records"], TWO["Records"][1]]}
        assert await deliver(event) == ids_of(event)[:1]
        assert [sent["subject"] for sent in ses.sent] == ["Your import is finished"]

    @pytest.mark.parametrize("name", ["unknown_version", "value_missing"])
    @DATA_API
    async def test_what_cannot_be_read_fails_and_is_not_sent(
        self, ses: Ses, log: Log, name: str
    ) -> None:
        event = event_of(name)
        assert await deliver(event) == ids_of(event)
        assert (ses.tried, await handled()) == (0, [])

    @pytest.mark.parametrize(
        "data",
        [
            {"to": "ada@example.com\r\nBcc: eve@example.com"},
            {"template": "newsletter"},
            {"locale": "../../secrets"},
            {"values": {"username": "ada", "surplus": "x"}},
        ],
        ids=lambda data: next(iter(data)),
    )
    @DATA_API
    async def test_what_is_no_mail_fails_and_is_not_sent(
        self, ses: Ses, log: Log, data: dict[str, Any]
    ) -> None:
        body = json.loads(BODY)
        body["detail"]["data"].update(data)
        event = {"Records": [WELCOME["Records"][0] | {"body": json.dumps(body)}]}
        assert await deliver(event) == ids_of(event)
        assert (ses.tried, await handled()) == (0, [])

    @DATA_API
    async def test_without_an_event_nothing_is_sent(self, ses: Ses) -> None:
        asked = MailRequested(
            to="ada@example.com",
            template=MailTemplate.WELCOME,
            locale="en",
            values={"username": "ada"},
        )
        async with autocommit() as session:
            with pytest.raises(LookupError):
                await send_mail(session, asked)
        assert ses.tried == 0


class TestSpec:
    def test_it_gets_what_is_asked_for(self) -> None:
        (source,) = SPEC.sources
        assert source.types == (MailRequested.type,)

    def test_a_start_loads_no_library_before_the_first_mail(self) -> None:
        code = "import functions.queues.mail.handler, sys; print(*sys.modules)"
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert {"jinja2", "boto3", "sqlalchemy"} & set(run.stdout.split()) == set()


async def test_a_sealed_value_is_opened_for_its_reader(ses: Ses, signing_secret: None) -> None:
    body = json.loads(BODY)
    sealed = await vault.seal("the-code", purpose="mail")
    body["detail"]["data"] |= {
        "template": "reset_password",
        "values": {"username": "ada", "token": sealed},
    }
    await consume(json.dumps(body), consumer="mail", handlers={MailRequested: send_mail})
    assert "the-code" in ses.sent[0]["text"]
    assert "the-code" in ses.sent[0]["html"]


async def test_one_that_was_not_sealed_here_is_not_sent(ses: Ses, signing_secret: None) -> None:
    body = json.loads(BODY)
    body["detail"]["data"] |= {
        "template": "reset_password",
        "values": {"username": "ada", "token": "the-code"},
    }
    with pytest.raises(vault.SealBrokenError):
        await consume(json.dumps(body), consumer="mail", handlers={MailRequested: send_mail})
    assert ses.sent == []
