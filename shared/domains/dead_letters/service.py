"""The rules of dead letters, and of events that the bus did not take."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import queues
from shared.adapters.database.sessions import after_commit
from shared.adapters.logging import logger
from shared.adapters.outbox import outbox
from shared.adapters.outbox import repository as outbox_rows
from shared.adapters.outbox.models import OutboxRow
from shared.adapters.queues import Depth, UnsendableMessageError
from shared.config.messaging import queues_settings
from shared.core.clock import now
from shared.core.events import Envelope, UnreadableEventError
from shared.core.ids import new_id
from shared.domains.audit import api as audit
from shared.domains.dead_letters import repository
from shared.domains.dead_letters.errors import (
    DeadLetterDecidedError,
    DeadLetterNotFoundError,
    EventNotFoundError,
    EventNotSetAsideError,
    QueueGoneError,
    QueueNotFoundError,
    QueuesUnavailableError,
)
from shared.domains.dead_letters.models import DeadLetter
from shared.domains.dead_letters.schemas import (
    MOST_AT_ONCE,
    DeadLetterState,
    DeadMessage,
    Outcome,
    Redrive,
    RedriveResult,
    RedriveSome,
)

ANSWER_S = 8.0
"""How long the queue service may take to answer, in seconds: the gateway waits for 29."""

REDRIVE_S = 15.0
"""How long a request sends, in seconds: what is not sent by then waits for the next one."""

TOGETHER = 10
"""Messages that are read, then sent, at once: at most 10 MiB of them are in memory."""

_REFUSALS = frozenset({"InvalidMessageContents", "InvalidParameterValue"})
"""Codes of SendMessage that say something of the message. Source: AWS, "SendMessage", errors."""

_EVENT_TYPE = re.compile(r"[a-z0-9_]{1,100}\.[a-z0-9_]{1,100}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile("[\\\\\0\ud800-\udfff]")
_SPELLED = {"\\": r"\\", "\0": r"\0"}


async def keep(session: AsyncSession, message: DeadMessage) -> bool:
    """Keep a dead message, whatever it holds; tell whether it was not kept before."""
    attributes = {"system": dict(message.attributes), "message": dict(message.message_attributes)}
    envelope, _ = _envelope_of(message.body)
    known = envelope if envelope and _EVENT_TYPE.fullmatch(envelope.type) else None
    escaped = _UNSTORABLE.search(message.body) is not None
    return await repository.keep(
        session,
        id=new_id(),
        queue=message.queue,
        message_id=message.message_id,
        body=_ESCAPED.sub(_spell, message.body) if escaped else message.body,
        escaped=escaped,
        # In ASCII, so that it is text for the database whatever it holds.
        attributes=json.dumps(attributes),
        event_type=known.type if known else None,
        event_id=known.id if known else None,
        sent_at=message.sent_at,
        receives=message.receives,
    )


async def look_at_queues(
    names: Iterable[str],
) -> tuple[dict[str, Depth | None], dict[str, float]]:
    """Return the depth of each queue, and the age of its oldest message where there is a figure.

    Raises QueuesUnavailableError.
    """
    full = {_full_name(name): name for name in names}
    depths, ages = await asyncio.gather(_depths_of(list(full)), _ages_of(list(full)))
    return (
        {full[queue]: depth for queue, depth in depths.items()},
        {full[queue]: age for queue, age in ages.items()},
    )


async def require_known(session: AsyncSession, queue: str) -> None:
    """Make sure that there is such a queue, or a dead letter of one. Raises QueueNotFoundError."""
    if queue not in queues_settings().names and not await repository.has_any(session, queue):
        raise QueueNotFoundError(queue)


async def find(
    session: AsyncSession, *, queue: str, letter_id: UUID
) -> tuple[DeadLetter, Mapping[str, Any], str]:
    """Return a dead letter, its attributes and its body. Raises DeadLetterNotFoundError."""
    letter = await repository.find(session, queue=queue, letter_id=letter_id)
    if letter is None:
        raise DeadLetterNotFoundError
    texts = await repository.read_texts(session, [letter])
    return letter, *_parts_of(texts[letter.id])


def explain(body: str) -> tuple[str | None, str | None]:
    """Return the request that a body's event goes back to, and why it is no envelope of an event."""
    envelope, unreadable = _envelope_of(body)
    return (envelope.correlation_id if envelope else None), unreadable


async def redrive(
    session: AsyncSession, *, operator_id: UUID, queue: str, wanted: Redrive
) -> list[RedriveResult]:
    """Send dead letters to their queue again, and write down which were sent.

    They are sent before that is committed: a process that dies in between leaves them waiting, and
    whoever redrives them again sends them twice, which the consumers' inbox makes harmless. The other
    order would lose them. Raises QueueNotFoundError, QueueGoneError, DeadLetterNotFoundError,
    DeadLetterDecidedError, and QueuesUnavailableError where none could be sent.
    """
    await require_known(session, queue)
    if queue not in queues_settings().names:
        raise QueueGoneError(queue)
    letters = await _chosen(session, queue=queue, wanted=wanted)
    results = await _send_all(session, letters, has_time=_has_time(REDRIVE_S))
    sent = {each.id for each in results if each.outcome is Outcome.SENT}
    if any(each.outcome is Outcome.UNSENT for each in results) and not sent:
        raise QueuesUnavailableError
    done = [letter for letter in letters if letter.id in sent]
    await _decide(session, done, state=DeadLetterState.REDRIVEN, by=operator_id)
    return results


async def discard(
    session: AsyncSession, *, operator_id: UUID, queue: str, ids: Sequence[UUID], reason: str
) -> int:
    """Give dead letters up for a reason; return how many.

    Raises QueueNotFoundError, DeadLetterNotFoundError, DeadLetterDecidedError.
    """
    await require_known(session, queue)
    letters = await _named(session, queue=queue, ids=ids)
    state = DeadLetterState.DISCARDED
    await _decide(session, letters, state=state, by=operator_id, reason=reason)
    return len(letters)


async def redrive_events(session: AsyncSession, *, operator_id: UUID, wanted: Redrive) -> int:
    """Let events that were set aside be published; return how many.

    Raises EventNotFoundError, EventNotSetAsideError.
    """
    rows = await _chosen_events(session, wanted)
    for row in rows:
        audit.record(
            session,
            action="outbox.redriven",
            subject=f"event:{row.id}",
            actor_id=operator_id,
            details={"type": row.type, "aggregate": row.aggregate, "error": row.error},
        )
    await outbox_rows.release(session, [row.sequence for row in rows])
    after_commit(session, outbox.nudge)
    return len(rows)


async def discard_events(
    session: AsyncSession, *, operator_id: UUID, ids: Sequence[UUID], reason: str
) -> int:
    """Give events up for good, for a reason; the audit trail keeps them whole. Return how many.

    Raises EventNotFoundError, EventNotSetAsideError.
    """
    rows = await _named_events(session, ids)
    for some in batched(rows, TOGETHER, strict=False):
        for row in some:
            audit.record(
                session,
                action="outbox.discarded",
                subject=f"event:{row.id}",
                actor_id=operator_id,
                reason=reason,
                details=_event_of(row),
            )
        # Written by and by: with the largest events all of them pass the Data API's request.
        await session.flush()
    await outbox_rows.remove(session, [row.sequence for row in rows])
    return len(rows)


def age_s(since: datetime | None) -> float | None:
    """Return how long ago a moment was, in seconds."""
    return None if since is None else max(0.0, round((now() - since).total_seconds(), 3))


async def _chosen(session: AsyncSession, *, queue: str, wanted: Redrive) -> Sequence[DeadLetter]:
    if isinstance(wanted, RedriveSome):
        return await _named(session, queue=queue, ids=wanted.ids)
    return await repository.find_waiting_for_decision(session, queue=queue, limit=MOST_AT_ONCE)


async def _named(session: AsyncSession, *, queue: str, ids: Sequence[UUID]) -> Sequence[DeadLetter]:
    letters = await repository.find_for_decision(session, queue=queue, ids=ids)
    states = {letter.id: letter.state for letter in letters}
    if missing := [place for place, id_ in enumerate(ids) if id_ not in states]:
        raise DeadLetterNotFoundError(missing)
    decided = [
        (place, states[id_].value)
        for place, id_ in enumerate(ids)
        if states[id_] is not DeadLetterState.DEAD
    ]
    if decided:
        raise DeadLetterDecidedError(decided)
    return letters


async def _decide(
    session: AsyncSession,
    letters: Sequence[DeadLetter],
    *,
    state: DeadLetterState,
    by: UUID,
    reason: str | None = None,
) -> None:
    ids = [letter.id for letter in letters]
    await repository.decide(session, ids, state=state, at=now(), by=by, reason=reason)
    for letter in letters:
        audit.record(
            session,
            action=f"dead_letters.{state}",
            subject=f"dead_letter:{letter.id}",
            actor_id=by,
            reason=reason,
            details={"queue": letter.queue, "message_id": letter.message_id},
        )


async def _send_all(
    session: AsyncSession, letters: Sequence[DeadLetter], *, has_time: Callable[[], bool]
) -> list[RedriveResult]:
    results: list[RedriveResult] = []
    answers = True
    for some in batched(letters, TOGETHER, strict=False):
        if not (answers and has_time()):
            results += [RedriveResult(id=letter.id, outcome=Outcome.UNSENT) for letter in some]
            continue
        texts = await repository.read_texts(session, some)
        sent = await asyncio.gather(*(_send(letter, texts[letter.id]) for letter in some))
        answers = any(each.outcome is not Outcome.UNSENT for each in sent)
        results += sent
    return results


async def _send(letter: DeadLetter, text: str) -> RedriveResult:
    if letter.escaped:
        return RedriveResult(id=letter.id, outcome=Outcome.REFUSED, error="unsendable characters")
    attributes, body = _parts_of(text)
    queue = _full_name(letter.queue)
    try:
        async with asyncio.timeout(ANSWER_S):
            await queues.send_again(queue, body, attributes=attributes["message"])
    except (BotoCoreError, ClientError, TimeoutError, ValueError) as error:
        logger().exception("dead letter not sent", extra={"dead_letter_id": str(letter.id)})
        return _failed(letter, error)
    return RedriveResult(id=letter.id, outcome=Outcome.SENT)


def _failed(letter: DeadLetter, error: Exception) -> RedriveResult:
    told, outcome = type(error).__name__, Outcome.UNSENT
    match error:
        case ClientError():
            told = error.response["Error"]["Code"]
            outcome = Outcome.REFUSED if told in _REFUSALS else Outcome.UNSENT
        case UnsendableMessageError():
            told, outcome = str(error), Outcome.REFUSED
        case ParamValidationError() | ValueError():
            outcome = Outcome.REFUSED
    return RedriveResult(id=letter.id, outcome=outcome, error=told)


async def _chosen_events(session: AsyncSession, wanted: Redrive) -> Sequence[OutboxRow]:
    if isinstance(wanted, RedriveSome):
        return await _named_events(session, wanted.ids)
    ids = await outbox_rows.oldest_set_aside(session, limit=MOST_AT_ONCE)
    rows = await outbox_rows.find_for_decision(session, ids)
    return [row for row in rows if row.set_aside_at is not None]


async def _named_events(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[OutboxRow]:
    rows = {row.id: row for row in await outbox_rows.find_for_decision(session, ids)}
    if missing := [place for place, id_ in enumerate(ids) if id_ not in rows]:
        raise EventNotFoundError(missing)
    if waiting := [place for place, id_ in enumerate(ids) if rows[id_].set_aside_at is None]:
        raise EventNotSetAsideError(waiting)
    return list(rows.values())


def _event_of(row: OutboxRow) -> dict[str, Any]:
    return {
        "type": row.type,
        "version": row.version,
        "aggregate": row.aggregate,
        "sequence": row.sequence,
        "occurred_at": row.occurred_at.isoformat(),
        "correlation_id": row.correlation_id,
        "data": row.data,
        "error": row.error,
    }


async def _depths_of(names: Sequence[str]) -> dict[str, Depth | None]:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await queues.attributes_of(names)
    except (BotoCoreError, ClientError, TimeoutError) as error:
        logger().exception("the queue service does not answer")
        raise QueuesUnavailableError from error


async def _ages_of(names: Sequence[str]) -> dict[str, float]:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await queues.oldest_ages(names)
    except (BotoCoreError, ClientError, TimeoutError):
        # The queues themselves may answer all the same, and say more.
        logger().exception("no ages of messages")
        return {}


def _full_name(queue: str) -> str:
    return f"{queues_settings().queue_prefix}{queue}"


def _has_time(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


def _envelope_of(body: str) -> tuple[Envelope | None, str | None]:
    try:
        return Envelope.read(body), None
    except UnreadableEventError as error:
        return None, str(error)


def _parts_of(text: str) -> tuple[Mapping[str, Any], str]:
    attributes, end = json.JSONDecoder().raw_decode(text)
    return attributes, text[end:]


def _spell(found: re.Match[str]) -> str:
    return _SPELLED.get(found[0]) or f"\\u{ord(found[0]):04x}"
