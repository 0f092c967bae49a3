"""Dead letters' face: what waits, what was given up, and what operators decide about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.core.lazy import lazy_module
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.dead_letters.schemas import (
    DeadLetter,
    DeadLetterDetails,
    DeadLetterFilter,
    DeadMessage,
    Decided,
    OutboxState,
    Queue,
    Queues,
    Redrive,
    Redriven,
    SetAsideEvent,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from shared.adapters.outbox import repository as outbox_rows
    from shared.config import messaging
    from shared.domains.dead_letters import repository, service
else:
    outbox_rows = lazy_module("shared.adapters.outbox.repository")
    messaging = lazy_module("shared.config.messaging")
    repository = lazy_module("shared.domains.dead_letters.repository")
    service = lazy_module("shared.domains.dead_letters.service")


async def keep(session: "AsyncSession", message: DeadMessage) -> bool:
    """Keep a message of a queue of dead letters; tell whether it was not kept before.

    Whatever it holds is kept: what PostgreSQL cannot hold as text is spelt out.
    """
    return await service.keep(session, message)


async def list_queues(session: "AsyncSession") -> Queues:
    """Return what waits in each queue and in the outbox. Raises QueuesUnavailableError.

    A queue that is no more is among them for as long as a dead letter of it waits.
    """
    names = messaging.queues_settings().names
    depths, ages = await service.look_at_queues(names)
    dead = await repository.count_waiting(session)
    waiting, set_aside, oldest = await outbox_rows.count_rows(session)
    found = []
    for name in (*names, *sorted(dead.keys() - set(names))):
        depth = depths.get(name)
        count, since = dead.get(name, (0, None))
        queue = Queue(
            name=name,
            depth=depth.waiting if depth else None,
            in_flight=depth.in_flight if depth else None,
            delayed=depth.delayed if depth else None,
            oldest_s=ages.get(name),
            dead_letters=count,
            oldest_dead_letter_s=service.age_s(since),
        )
        found.append(queue)
    outbox = OutboxState(waiting=waiting, oldest_s=service.age_s(oldest), set_aside=set_aside)
    return Queues(queues=tuple(found), outbox=outbox)


async def list_dead_letters(
    session: "AsyncSession", *, queue: str, which: DeadLetterFilter, paging: Paging
) -> Page[DeadLetter]:
    """Return a page of a queue's dead letters, newest first.

    Raises QueueNotFoundError, ValidationFailedError for a bad cursor.
    """
    await service.require_known(session, queue)
    page = await repository.list_letters(session, queue=queue, which=which, paging=paging)
    return page.map(DeadLetter.model_validate)


async def get_dead_letter(
    session: "AsyncSession", *, queue: str, letter_id: UUID
) -> DeadLetterDetails:
    """Return a dead letter with all of its body. Raises QueueNotFoundError, DeadLetterNotFoundError."""
    await service.require_known(session, queue)
    letter, attributes, body = await service.find(session, queue=queue, letter_id=letter_id)
    correlation_id, unreadable = service.explain(body)
    return DeadLetterDetails(
        **DeadLetter.model_validate(letter).model_dump(),
        body=body,
        attributes=attributes["system"],
        message_attributes=attributes["message"],
        correlation_id=correlation_id,
        unreadable=unreadable,
        log_filter=f'{{ $.message_id = "{letter.message_id}" }}',
    )


async def redrive(
    session: "AsyncSession", *, operator_id: UUID, queue: str, wanted: Redrive
) -> Redriven:
    """Send dead letters to their queue again, at most 100; tell what became of each.

    One may come to its queue twice, which its consumer's inbox makes harmless. Raises
    QueueNotFoundError, QueueGoneError, DeadLetterNotFoundError, DeadLetterDecidedError,
    QueuesUnavailableError.
    """
    results = await service.redrive(session, operator_id=operator_id, queue=queue, wanted=wanted)
    remaining = await repository.count_waiting_of(session, queue)
    return Redriven(results=tuple(results), remaining=remaining)


async def discard(
    session: "AsyncSession", *, operator_id: UUID, queue: str, ids: Sequence[UUID], reason: str
) -> Decided:
    """Give dead letters up; they are kept with the reason.

    Raises QueueNotFoundError, DeadLetterNotFoundError, DeadLetterDecidedError.
    """
    decided = await service.discard(
        session, operator_id=operator_id, queue=queue, ids=ids, reason=reason
    )
    remaining = await repository.count_waiting_of(session, queue)
    return Decided(decided=decided, remaining=remaining)


async def list_set_aside(session: "AsyncSession", paging: Paging) -> Page[SetAsideEvent]:
    """Return a page of the events that the bus did not take, newest first.

    Raises ValidationFailedError for a bad cursor.
    """
    page = await outbox_rows.list_set_aside(session, cursor=paging.cursor, limit=paging.limit)
    return page.map(SetAsideEvent.model_validate)


async def redrive_events(session: "AsyncSession", *, operator_id: UUID, wanted: Redrive) -> Decided:
    """Let events that were set aside be published, at most 100.

    Raises EventNotFoundError, EventNotSetAsideError.
    """
    decided = await service.redrive_events(session, operator_id=operator_id, wanted=wanted)
    _, remaining, _ = await outbox_rows.count_rows(session)
    return Decided(decided=decided, remaining=remaining)


async def discard_events(
    session: "AsyncSession", *, operator_id: UUID, ids: Sequence[UUID], reason: str
) -> Decided:
    """Give events up for good; the audit trail keeps them.

    Raises EventNotFoundError, EventNotSetAsideError.
    """
    decided = await service.discard_events(session, operator_id=operator_id, ids=ids, reason=reason)
    _, remaining, _ = await outbox_rows.count_rows(session)
    return Decided(decided=decided, remaining=remaining)


async def forget_decided(session: "AsyncSession", *, before: datetime, limit: int) -> int:
    """Remove at most `limit` dead letters that were decided about before a moment; return how many."""
    return await repository.forget_decided(session, before=before, limit=limit)
