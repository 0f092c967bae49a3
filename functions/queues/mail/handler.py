"""Sends each mail that was asked for, once for each event, however often the event is delivered.

The inbox row is inserted first: of two deliveries at once the second waits for the first. Then the
mail is sent, then the transaction is committed. Gaps remain, for SES has no idempotency token: SES took
the mail, but its answer is lost on the way, or the process dies before the commit, or the commit fails.
Then the mail is sent again, and its header `X-Message-ID` tells the two as one.
"""

from typing import TYPE_CHECKING

from shared.adapters.logging import logger
from shared.core.correlation import current
from shared.domains.mail import api as mail_domain
from shared.domains.mail.events import VALUES, MailRequested
from shared.worker.consumer import event_handler

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def send_mail(_: "AsyncSession", event: MailRequested) -> None:
    """Send the mail of an event. What it raises leaves the event to be handled again."""
    from functions.queues.mail.rendering import render
    from shared.adapters import mail

    event_id = _event_id()
    values = await mail_domain.open_values(event.template, event.values)
    content = VALUES[event.template].model_validate(values)
    made = render(event.template, locale=event.locale, content=content)
    sent = await mail.send(
        to=event.to, subject=made.subject, text=made.text, html=made.html, message_id=event_id
    )
    # Whom it went to is theirs: the log has the ids only.
    told = {"template": event.template, "event_id": event_id, "ses_message_id": sent}
    logger().info("mail sent", extra=told)


def _event_id() -> str:
    correlation = current()
    if correlation is None or correlation.causation_id is None:
        raise LookupError("a mail is sent for an event only")
    return correlation.causation_id


handler = event_handler(consumer="mail", handlers={MailRequested: send_mail})
