"""Where clients, consents, codes and used assertions are kept."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.ids import new_id
from shared.domains.oauth.models import AssertionRow, ClientRow, CodeRow, ConsentRow


async def save(session: AsyncSession, row: ClientRow | CodeRow) -> None:
    """Write a new or changed row."""
    session.add(row)
    await session.flush()


async def find_client(session: AsyncSession, client_id: UUID) -> ClientRow | None:
    """Return a client, or None."""
    return await session.scalar(select(ClientRow).where(ClientRow.id == client_id))


async def find_own_client(
    session: AsyncSession, *, owner_id: UUID, client_id: UUID
) -> ClientRow | None:
    """Return a client of a user, or None."""
    own = (ClientRow.id == client_id, ClientRow.owner_id == owner_id)
    return await session.scalar(select(ClientRow).where(*own))


async def find_own_client_for_change(
    session: AsyncSession, *, owner_id: UUID, client_id: UUID
) -> ClientRow | None:
    """Return a client of a user that no other transaction changes until this one ends, or None."""
    own = (ClientRow.id == client_id, ClientRow.owner_id == owner_id)
    return await session.scalar(select(ClientRow).where(*own).with_for_update())


async def list_clients(session: AsyncSession, owner_id: UUID) -> Sequence[ClientRow]:
    """Return a user's clients, the newest first."""
    own = select(ClientRow).where(ClientRow.owner_id == owner_id)
    return (await session.scalars(own.order_by(ClientRow.id.desc()))).all()


async def count_clients(session: AsyncSession, owner_id: UUID) -> int:
    """Return how many clients a user has."""
    own = select(func.count(ClientRow.id)).where(ClientRow.owner_id == owner_id)
    return await session.scalar(own) or 0


async def remove_client(session: AsyncSession, client: ClientRow) -> None:
    """Delete a client, with its consents and codes."""
    await session.delete(client)
    await session.flush()


async def find_consent(session: AsyncSession, *, user_id: UUID, client_id: UUID) -> str | None:
    """Return the scopes that a user lets a client have, or None."""
    given = (ConsentRow.user_id == user_id, ConsentRow.client_id == client_id)
    return await session.scalar(select(ConsentRow.scope).where(*given))


async def save_consent(
    session: AsyncSession, *, user_id: UUID, client_id: UUID, scope: str, at: datetime
) -> None:
    """Write what a user lets a client have, in place of what they did before."""
    values = {"scope": scope, "updated_at": at}
    new = {"id": new_id(), "user_id": user_id, "client_id": client_id, "created_at": at}
    statement = insert(ConsentRow).values(**new, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[ConsentRow.user_id, ConsentRow.client_id], set_=values
    )
    await session.execute(statement)


async def list_consents(
    session: AsyncSession, user_id: UUID
) -> Sequence[Row[ConsentRow, ClientRow]]:
    """Return what a user lets clients do, the newest first; 200 at most."""
    statement = (
        select(ConsentRow, ClientRow)
        .join(ClientRow, ClientRow.id == ConsentRow.client_id)
        .where(ConsentRow.user_id == user_id)
        .order_by(ConsentRow.updated_at.desc(), ConsentRow.id.desc())
        .limit(200)
    )
    return (await session.execute(statement)).all()


async def remove_consent(session: AsyncSession, *, user_id: UUID, client_id: UUID) -> bool:
    """Take back what a user lets a client do, codes that wait included; tell whether there was any."""
    codes = (CodeRow.user_id == user_id, CodeRow.client_id == client_id, CodeRow.spent_at.is_(None))
    unspent = delete(CodeRow).where(*codes)
    await session.execute(unspent.execution_options(synchronize_session=False))
    given = (ConsentRow.user_id == user_id, ConsentRow.client_id == client_id)
    gone = delete(ConsentRow).where(*given).returning(ConsentRow.id)
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    return removed.first() is not None


async def find_code_for_spending(session: AsyncSession, digest: str) -> CodeRow | None:
    """Return a code that no other transaction spends until this one ends, or None."""
    return await session.scalar(select(CodeRow).where(CodeRow.digest == digest).with_for_update())


async def spend_assertion(session: AsyncSession, digest: str, *, expires_at: datetime) -> bool:
    """Note that an assertion was used; tell whether this is the first time."""
    statement = insert(AssertionRow).values(digest=digest, expires_at=expires_at)
    statement = statement.on_conflict_do_nothing(index_elements=[AssertionRow.digest])
    first = await session.execute(statement.returning(AssertionRow.digest))
    return first.first() is not None


async def forget_codes(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some codes that expired before a time; return how many."""
    stale = (
        select(CodeRow.id)
        .where(CodeRow.expires_at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(CodeRow).where(CodeRow.id.in_(stale)).returning(CodeRow.id)
    return len((await session.execute(gone.execution_options(synchronize_session=False))).all())


async def forget_assertions(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Delete some notes of assertions that expired before a time; return how many."""
    stale = (
        select(AssertionRow.digest)
        .where(AssertionRow.expires_at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(AssertionRow).where(AssertionRow.digest.in_(stale))
    done = await session.execute(
        gone.returning(AssertionRow.digest).execution_options(synchronize_session=False)
    )
    return len(done.all())
