"""Mail, sent by SES."""

import re

from shared.adapters.aws import aws_client, call
from shared.config.messaging import mail_settings

EVENT_HEADER = "X-Message-ID"
"""Names what a mail was sent for: of two with the same value one is a duplicate.

SES gives each its own `Message-ID` and allows no other. Source: AWS, "Amazon SES header fields".
"""

EVENT_TAG = "message-id"
"""Names the same in what SES publishes about a mail: that it was delivered, or that it bounced."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class HeaderInjectionError(ValueError):
    """What shall stand in a header has a line end, or another control character."""


async def send(*, to: str, subject: str, text: str, html: str, message_id: str) -> str:
    """Send one mail, text and HTML being alternatives of each other; return SES's id of it.

    `message_id` stands in the header `X-Message-ID`. SES has no idempotency token: what is sent twice
    arrives twice. Raises HeaderInjectionError, ClientError where SES refuses (MessageRejected,
    TooManyRequestsException ...) and BotoCoreError where it does not answer.
    Source: AWS, "SendEmail", Amazon SES API v2.
    """
    _require_one_line(to, subject, message_id)
    answer = await call(
        aws_client("sesv2").send_email,
        FromEmailAddress=mail_settings().mail_from,
        Destination={"ToAddresses": [to]},
        Content={
            "Simple": {
                "Subject": _utf8(subject),
                "Body": {"Text": _utf8(text), "Html": _utf8(html)},
                "Headers": [
                    {"Name": EVENT_HEADER, "Value": message_id},
                    # RFC 3834, section 5: nobody's out-of-office note shall answer it.
                    {"Name": "Auto-Submitted", "Value": "auto-generated"},
                ],
            }
        },
        EmailTags=[{"Name": EVENT_TAG, "Value": message_id}],
    )
    sent: str = answer["MessageId"]
    return sent


def _require_one_line(*values: str) -> None:
    for value in values:
        if _CONTROL.search(value):
            # The value is somebody's: it stands in no message and so in no log.
            raise HeaderInjectionError("a header of a mail would have a control character")


def _utf8(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}
