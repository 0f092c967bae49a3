"""What SES was asked to send, kept whole: moto itself keeps one of the two bodies only."""

import json
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infra_cdk.local.environment import ACCOUNT, MAIL_FROM, REGION

MAIL_PATH = "/v2/email/outbound-emails"
"""Where SES takes mail. Source: AWS, "SendEmail", Amazon SES API v2."""

MOST = 1000
"""How many mails are kept: the newest."""


class Outbox:
    """The mails that were sent since moto started, newest first."""

    def __init__(self) -> None:
        self._mails: deque[dict[str, Any]] = deque(maxlen=MOST)

    @property
    def document(self) -> str:
        """All of them as JSON: `{"mails": [...]}`."""
        return json.dumps({"mails": list(self._mails)})

    def keep(self, request: bytes, *, answer: bytes, now: datetime) -> None:
        """Keep the mail of a request that SES took; `answer` names it."""
        message_id: str = json.loads(answer)["MessageId"]
        self._mails.appendleft(mail_of(json.loads(request), message_id=message_id, now=now))


def verify_sender() -> None:
    """Make the address that this service sends from one that SES knows; twice does no harm.

    Done with the first mail: this part of moto takes a good part of a start to load.
    """
    from moto.ses.models import ses_backends

    ses_backends[ACCOUNT][REGION].verify_email_identity(MAIL_FROM)


def mail_of(request: Mapping[str, Any], *, message_id: str, now: datetime) -> dict[str, Any]:
    """Return the mail of a SendEmail request, its content being of the kind `Simple`."""
    to: Mapping[str, list[str]] = request.get("Destination", {})
    content: Mapping[str, Any] = request.get("Content", {}).get("Simple", {})
    body: Mapping[str, Mapping[str, str]] = content.get("Body", {})
    return {
        "id": message_id,
        "sent_at": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "from": request.get("FromEmailAddress", ""),
        "to": to.get("ToAddresses", []),
        "cc": to.get("CcAddresses", []),
        "bcc": to.get("BccAddresses", []),
        "reply_to": request.get("ReplyToAddresses", []),
        "subject": content.get("Subject", {}).get("Data", ""),
        "text": body.get("Text", {}).get("Data"),
        "html": body.get("Html", {}).get("Data"),
        "headers": {each["Name"]: each["Value"] for each in content.get("Headers", [])},
    }
