"""The bodies of messages: each is made once for all endpoints that it is sent to."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox import journal
from shared.config.http import public_settings
from shared.domains.webhooks.repository.deliveries import Claimed
from shared.domains.webhooks.service import messages

KEPT = 256
"""Bodies that are kept for the next claim, beside those in hand: at most 5 MiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """A body as its owner is sent it, and as operators are: a thin one names where each gets the whole."""

    owners: bytes
    operators: bytes

    def sent(self, *, to_operators: bool) -> bytes:
        """Return what is sent to somebody."""
        return self.operators if to_operators else self.owners


class Bodies:
    """The bodies that a worker has sent last."""

    def __init__(self) -> None:
        self._known: dict[UUID, Body] = {}

    async def learn(self, claimed: Iterable[Claimed]) -> None:
        """Make the bodies of what was claimed. One whose event is kept no more has none."""
        self._forget_old()
        for each in claimed:
            if each.event_id not in self._known and each.occurred_at is not None:
                data = json.loads(each.data) if each.data else await _read(each.event_id)
                if data is not None:
                    self._known[each.event_id] = _body_of(each, data, occurred_at=each.occurred_at)

    def find(self, event_id: UUID) -> Body | None:
        """Return a body, or None."""
        return self._known.get(event_id)

    def _forget_old(self) -> None:
        for event_id in list(self._known)[:-KEPT]:
            del self._known[event_id]


async def _read(event_id: UUID) -> dict[str, Any] | None:
    async with autocommit() as session:
        event = await journal.find(session, event_id)
    return event.data if event else None


def _body_of(claimed: Claimed, data: dict[str, Any], *, occurred_at: datetime) -> Body:
    body = messages.body_of(claimed.event_type, occurred_at, data)
    if len(whole := messages.encode(body)) <= messages.MOST_BYTES:
        return Body(owners=whole, operators=whole)
    owners, operators = (
        messages.thin_body(body, url=f"{public_settings().public_url}{place}{claimed.event_id}")
        for place in (messages.PLACE, messages.OPERATORS_PLACE)
    )
    return Body(owners=owners, operators=operators)
