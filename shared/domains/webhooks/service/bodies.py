"""The bodies of messages: each is made once for all endpoints that it is sent to."""

import json
from collections.abc import Iterable
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


class Bodies:
    """The bodies that a worker has sent last."""

    def __init__(self) -> None:
        self._known: dict[UUID, bytes] = {}

    async def learn(self, claimed: Iterable[Claimed]) -> None:
        """Make the bodies of what was claimed. One whose event is kept no more has none."""
        self._forget_old()
        for each in claimed:
            if each.event_id not in self._known and each.occurred_at is not None:
                data = json.loads(each.data) if each.data else await _read(each.event_id)
                if data is not None:
                    self._known[each.event_id] = _body_of(each, data, occurred_at=each.occurred_at)

    def find(self, event_id: UUID) -> bytes | None:
        """Return a body, or None."""
        return self._known.get(event_id)

    def _forget_old(self) -> None:
        for event_id in list(self._known)[:-KEPT]:
            del self._known[event_id]


async def _read(event_id: UUID) -> dict[str, Any] | None:
    async with autocommit() as session:
        event = await journal.find(session, event_id)
    return event.data if event else None


def _body_of(claimed: Claimed, data: dict[str, Any], *, occurred_at: datetime) -> bytes:
    body = messages.body_of(claimed.event_type, occurred_at, data)
    if len(whole := messages.encode(body)) <= messages.MOST_BYTES:
        return whole
    place = messages.PLACE if claimed.owner_id else messages.OPERATORS_PLACE
    url = f"{public_settings().public_url}{place}{claimed.event_id}"
    return messages.thin_body(body, url=url)
