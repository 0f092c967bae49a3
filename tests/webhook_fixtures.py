"""Who has webhooks, and what their endpoints were sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from shared.adapters.database.sessions import unit_of_work
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.core.ids import new_id
from shared.domains.webhooks.models import AttemptRow, DeliveryRow
from shared.domains.webhooks.schemas import AttemptOutcome, Cause, DeliveryState

DRAFT: dict[str, Any] = {"url": "https://hooks.example.com/in", "event_types": ["item.*"]}

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

type Join = Callable[..., Awaitable[Caller]]


@dataclass(frozen=True)
class Caller:
    """Somebody who has webhooks: a client, where theirs are, and whose account it is."""

    client: httpx.AsyncClient
    place: str
    id: UUID | None

    async def create(self, **fields: Any) -> dict[str, Any]:
        """Make an endpoint."""
        answer = await self.client.post(self.place, json=DRAFT | fields)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, *path: str, **query: Any) -> httpx.Response:
        return await self.client.get("/".join((self.place, *path)), params=query)

    async def post(self, *path: str, **fields: Any) -> httpx.Response:
        return await self.client.post("/".join((self.place, *path)), json=fields)

    async def patch(self, *path: str, **fields: Any) -> httpx.Response:
        return await self.client.patch("/".join((self.place, *path)), json=fields)

    async def delete(self, *path: str) -> httpx.Response:
        return await self.client.delete("/".join((self.place, *path)))


async def happened(
    owner_id: UUID | None,
    *,
    type_: str = "item.created",
    at: datetime | None = None,
    fanned_out: bool = True,
    trial: bool = False,
) -> PublicEventRow:
    """Put an event into the journal."""
    row = PublicEventRow(
        id=new_id(),
        owner_id=owner_id,
        type=type_,
        aggregate=f"item:{new_id()}",
        data={"name": "Lantern"},
        occurred_at=at or now(),
        trial=trial,
        fanned_out_at=now() if fanned_out else None,
    )
    async with unit_of_work() as session:
        session.add(row)
    return row


async def delivered(
    endpoint_id: str | UUID,
    event: PublicEventRow,
    *,
    state: DeliveryState = DeliveryState.DELIVERED,
    cause: Cause = Cause.EVENT,
    at: datetime | None = None,
    **fields: Any,
) -> DeliveryRow:
    """Write a delivery, by default one that was made."""
    at = at or now()
    row = DeliveryRow(
        id=new_id(),
        endpoint_id=UUID(str(endpoint_id)),
        event_id=event.id,
        event_type=event.type,
        aggregate=event.aggregate,
        sequence=event.sequence,
        cause=cause,
        state=state,
        attempts=3,
        due_at=at,
        created_at=at,
        finished_at=None if state is DeliveryState.PENDING else at,
        **fields,
    )
    async with unit_of_work() as session:
        session.add(row)
    return row


async def attempted(
    delivery: DeliveryRow,
    *,
    outcome: AttemptOutcome = AttemptOutcome.SUCCEEDED,
    at: datetime | None = None,
    **fields: Any,
) -> AttemptRow:
    """Write an attempt of a delivery into the log."""
    succeeded = outcome is AttemptOutcome.SUCCEEDED
    row = AttemptRow(
        id=new_id(),
        delivery_id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        cause=delivery.cause,
        number=1,
        started_at=at or now(),
        latency_ms=12,
        outcome=outcome,
        status_code=204 if succeeded else 500,
        request={"url": "https://hooks.example.com/in", "headers": {"webhook-id": "x"}},
        response={"status": 204} if succeeded else None,
        **fields,
    )
    async with unit_of_work() as session:
        session.add(row)
    return row


async def sent(
    endpoint_id: str | UUID, owner_id: UUID | None, **fields: Any
) -> tuple[DeliveryRow, AttemptRow]:
    """Have an event delivered, and write it into the log."""
    delivery = await delivered(endpoint_id, await happened(owner_id))
    return delivery, await attempted(delivery, **fields)


async def delivery_of(delivery_id: UUID) -> DeliveryRow:
    """Return a delivery as it is now."""
    async with unit_of_work() as session:
        return await session.get_one(DeliveryRow, delivery_id)
