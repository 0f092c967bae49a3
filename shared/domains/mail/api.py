"""Mail's face: asking for a mail within the transaction that it tells of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.domains.mail.events import VALUES, MailRequested, MailTemplate

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def request(
    session: "AsyncSession",
    *,
    to: str,
    template: MailTemplate,
    locale: str,
    values: Mapping[str, str],
) -> None:
    """Have a mail sent once the transaction of `session` is committed; `to` is an e-mail address.

    `values` are exactly those that the template needs: see `names_of`. Raises ValidationError for
    others, and for what is no address and no language tag.
    """
    from shared.adapters.outbox import outbox

    event = MailRequested(to=to, template=template, locale=locale, values=dict(values))
    outbox.add(session, event)


def names_of(template: MailTemplate) -> frozenset[str]:
    """Return the names of the values that a template needs."""
    return frozenset(VALUES[template].model_fields)
