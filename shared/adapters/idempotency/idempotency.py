"""Answers that are kept by the key of their request: a request that is repeated has its effect once.

The key is taken in the transaction of the effect and the answer recorded in it, so there is never one
without the other (draft-ietf-httpapi-idempotency-key-header-07).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import BigInteger

from shared.adapters import digests
from shared.adapters.idempotency.models import IdempotencyRow
from shared.core.clock import now
from shared.core.errors import IdempotencyInFlightError, IdempotencyKeyReusedError

LIFE = timedelta(hours=24)
"""How long an answer is kept; later its key is as good as new."""

MOST_BODY_BYTES = 40 * 1024
"""Largest body of an answer, in bytes: the Data API returns no row of more than 64 KB."""


class AnswerTooLargeError(ValueError):
    """An answer is too large to be kept: what a POST made shall be told in short, and read by GET."""


@dataclass(frozen=True)
class Claim:
    """A key, whose it is (`scope`), and the digest of the request that came with it."""

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Answer:
    """What was answered; `headers` are those of the route."""

    status: int
    headers: Mapping[str, str]
    body: str


async def fingerprint_of(*, method: str, path: str, query: str, body: bytes) -> str:
    """Return the digest that tells a request from others: HMAC-SHA-256, in hexadecimal.

    It has a key because a body may hold a password: from a plain digest in a leaked backup that could be
    guessed far faster than from its Argon2 hash. Where the vault's secret
    is replaced, the keys of the 24 hours before stand for other requests: 422, never a second effect.
    """
    line = json.dumps(
        [method, path, query]
    ).encode()  # no line end in it: the body begins after one
    return await digests.keyed_hash(line + b"\n" + body, purpose="idempotency fingerprint")


async def claim(session: AsyncSession, wanted: Claim) -> Answer | None:
    """Take a key for the transaction of `session`; return the answer that it has already, or None.

    One statement. Raises IdempotencyInFlightError while another transaction has the key,
    IdempotencyKeyReusedError where the key belongs to another request.
    """
    lock = select(func.pg_try_advisory_xact_lock(_lock_number(wanted)).label("taken")).subquery()
    unexpired = and_(_is_of(wanted), IdempotencyRow.expires_at > now())
    found = select(lock.c.taken, IdempotencyRow).outerjoin(IdempotencyRow, unexpired)
    taken, row = (await session.execute(found)).one()
    if not taken:
        raise _in_flight()
    if row is None:
        return None
    if not hmac.compare_digest(row.fingerprint, wanted.fingerprint):
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key came with another request before: a new request needs a new key."
        )
    return Answer(status=row.status, headers=row.headers, body=row.body)


async def record(session: AsyncSession, claimed: Claim, answer: Answer) -> None:
    """Keep the answer to a claimed request, in the transaction of what the request did.

    Raises AnswerTooLargeError, and IdempotencyInFlightError where another transaction has recorded one
    since the claim looked (its lock was free by then, its row younger than the snapshot).
    """
    if (size := len(answer.body.encode())) > MOST_BODY_BYTES:
        raise AnswerTooLargeError(f"the answer has {size} bytes of at most {MOST_BODY_BYTES}")
    recorded = await session.execute(_upsert(claimed, answer, at=now()))
    if recorded.first() is None:
        raise _in_flight()


def scope_of_user(user_id: UUID) -> str:
    """Name whose keys a user's are."""
    return f"user:{user_id}"


async def forget_user(session: AsyncSession, user_id: UUID) -> None:
    """Remove every answer that was kept for a user: what is in them is theirs."""
    theirs = IdempotencyRow.scope == scope_of_user(user_id)
    removed = delete(IdempotencyRow).where(theirs)
    await session.execute(removed.execution_options(synchronize_session=False))


async def forget(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Remove at most `limit` answers that expired before a moment; return how many."""
    expired = IdempotencyRow.expires_at < before
    old = (
        select(IdempotencyRow.scope, IdempotencyRow.key)
        .where(expired)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = tuple_(IdempotencyRow.scope, IdempotencyRow.key)
    gone = delete(IdempotencyRow).where(keys.in_(old)).returning(literal(1))
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    return len(removed.all())


def _upsert(claimed: Claim, answer: Answer, *, at: datetime) -> ReturningInsert[tuple[str]]:
    kept = {
        "fingerprint": claimed.fingerprint,
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "created_at": at,
        "expires_at": at + LIFE,
    }
    return (
        insert(IdempotencyRow)
        .values(scope=claimed.scope, key=claimed.key, **kept)
        .on_conflict_do_update(
            index_elements=[IdempotencyRow.scope, IdempotencyRow.key],
            set_=kept,
            where=IdempotencyRow.expires_at <= at,
        )
        .returning(IdempotencyRow.key)
    )


def _is_of(wanted: Claim) -> ColumnElement[bool]:
    return and_(IdempotencyRow.scope == wanted.scope, IdempotencyRow.key == wanted.key)


def _lock_number(wanted: Claim) -> ColumnElement[int]:
    # Two keys of one number would at worst answer 409 to each other, once in 2**64 pairs.
    name = json.dumps(["idempotency", wanted.scope, wanted.key]).encode()
    digest = hashlib.sha256(name).digest()
    return literal(int.from_bytes(digest[:8], signed=True), BigInteger)


def _in_flight() -> IdempotencyInFlightError:
    return IdempotencyInFlightError(
        "The first request with this Idempotency-Key is not answered yet: repeat this one soon."
    )
