"""What is handed to SES is the mail, with its id; what SES refuses is raised."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from shared.adapters import mail
from shared.adapters.aws import aws_client
from shared.config.messaging import mail_settings

pytestmark = pytest.mark.anyio

REGION = "eu-west-1"
MAIL = {
    "to": "ada@example.com",
    "subject": "Grüße ✓",
    "text": "Hello ada",
    "html": "<p>Hello ada</p>",
    "message_id": "019ab8f2-1c00-7d3e-8b21-6f4a5c9d0e11",
}


@dataclass
class Ses:
    """moto's SES; `requests` are the bodies that came to it."""

    client: Any
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sent(self) -> list[Any]:
        messages: list[Any] = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
        return messages

    def note(self, params: dict[str, Any], **_: Any) -> None:
        self.requests.append(json.loads(params["body"]))


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ses]:
    """An SES that knows the sender."""
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "MAIL_FROM": "switchyard@example.com",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget()
    with mock_aws():
        client = aws_client("sesv2")
        client.create_email_identity(EmailIdentity="switchyard@example.com")
        found = Ses(client)
        client.meta.events.register("before-call.sesv2.SendEmail", found.note)
        yield found
    forget()


def forget() -> None:
    aws_client.cache_clear()
    mail_settings.cache_clear()


class TestSend:
    async def test_ses_gets_subject_text_and_html(self, ses: Ses) -> None:
        id_ = await mail.send(**MAIL)
        (message,) = ses.sent
        assert message.id == id_
        assert message.source == "switchyard@example.com"
        assert message.destinations == {"ToAddresses": ["ada@example.com"]}
        # moto keeps one body only: that it was sent both stands in the request.
        assert (message.subject, message.body) == ("Grüße ✓", "<p>Hello ada</p>")
        (request,) = ses.requests
        assert request["Content"]["Simple"]["Body"] == {
            "Text": {"Data": "Hello ada", "Charset": "UTF-8"},
            "Html": {"Data": "<p>Hello ada</p>", "Charset": "UTF-8"},
        }

    async def test_the_mail_and_what_ses_tells_of_it_name_what_it_was_sent_for(
        self, ses: Ses
    ) -> None:
        await mail.send(**MAIL)
        (request,) = ses.requests
        headers = {each["Name"]: each["Value"] for each in request["Content"]["Simple"]["Headers"]}
        assert headers == {"X-Message-ID": MAIL["message_id"], "Auto-Submitted": "auto-generated"}
        assert request["EmailTags"] == [{"Name": "message-id", "Value": MAIL["message_id"]}]

    async def test_many_at_once_are_all_sent(self, ses: Ses) -> None:
        await asyncio.gather(*(mail.send(**MAIL | {"to": f"{n}@example.com"}) for n in range(10)))
        to = sorted(message.destinations["ToAddresses"][0] for message in ses.sent)
        assert to == [f"{n}@example.com" for n in range(10)]

    @pytest.mark.parametrize("name", ["to", "subject", "message_id"])
    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\x85", "\u2028"])
    async def test_a_line_end_in_a_header_is_refused_and_not_told(
        self, ses: Ses, name: str, end: str
    ) -> None:
        injected = f"{MAIL[name]}{end}Bcc: eve@example.com"
        with pytest.raises(mail.HeaderInjectionError) as caught:
            await mail.send(**MAIL | {name: injected})
        assert ses.sent == []
        assert "eve" not in str(caught.value)

    async def test_a_sender_that_ses_does_not_know_is_raised(self, ses: Ses) -> None:
        ses.client.delete_email_identity(EmailIdentity="switchyard@example.com")
        with pytest.raises(ClientError, match="MessageRejected"):
            await mail.send(**MAIL)
        assert ses.sent == []

    async def test_an_ses_that_does_not_answer_is_raised(self, ses: Ses) -> None:
        def break_off(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://email.example.com")

        ses.client.meta.events.register_first("before-send.sesv2.SendEmail", break_off)
        with pytest.raises(EndpointConnectionError):
            await mail.send(**MAIL)
        assert ses.sent == []
