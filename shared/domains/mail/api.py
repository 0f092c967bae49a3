"""Mail's face: asking for a mail within the transaction that it tells of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.domains.mail.events import VALUES, MailRequested, MailTemplate, sealed_names

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


_SEAL = "mail"


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
    others, and for what is no address and no language tag. Secret ones are sealed, which takes Need.VAULT.
    """
    from shared.adapters import vault
    from shared.adapters.outbox import outbox

    secret = sealed_names(template) & values.keys()
    sealed = {name: await vault.seal(values[name], purpose=_SEAL) for name in secret}
    event = MailRequested(to=to, template=template, locale=locale, values={**values, **sealed})
    outbox.add(session, event)


async def open_values(template: MailTemplate, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a mail, secret ones opened. Raises SealBrokenError."""
    from shared.adapters import vault

    secret = sealed_names(template) & values.keys()
    opened = {name: await vault.unseal(values[name], purpose=_SEAL) for name in secret}
    return {**values, **opened}


def names_of(template: MailTemplate) -> frozenset[str]:
    """Return the names of the values that a template needs."""
    return frozenset(VALUES[template].model_fields)
