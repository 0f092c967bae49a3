"""Where sign-ins by outside providers are kept."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.ids import new_id
from shared.domains.federation.models import ExternalFlow, ExternalLink
from shared.domains.federation.schemas import Identity


async def add_flow(session: AsyncSession, flow: ExternalFlow) -> None:
    """Write a sign-in."""
    session.add(flow)
    await session.flush()


async def spend_state(
    session: AsyncSession, digest: str, *, provider: str, at: datetime
) -> ExternalFlow | None:
    """Return the sign-in whose state this is, once: of several at one time one gets it."""
    good = (
        ExternalFlow.state_digest == digest,
        ExternalFlow.provider == provider,
        ExternalFlow.spent_at.is_(None),
        ExternalFlow.expires_at > at,
    )
    spent = update(ExternalFlow).where(*good).values(spent_at=at).returning(ExternalFlow)
    return await session.scalar(spent.execution_options(synchronize_session=False))


async def keep_identity(
    session: AsyncSession, flow_id: UUID, *, sealed: str, digest: str, until: datetime
) -> None:
    """Write what a provider said, for whoever has the handover."""
    values = {"sealed_identity": sealed, "handover_digest": digest, "expires_at": until}
    flow = update(ExternalFlow).where(ExternalFlow.id == flow_id).values(values)
    await session.execute(flow.execution_options(synchronize_session=False))


async def spend_handover(
    session: AsyncSession, *, digest: str, token_digest: str, user_id: UUID | None, at: datetime
) -> str | None:
    """Return what a provider said, sealed, once: to who began the sign-in, as who they were then."""
    good = (
        ExternalFlow.handover_digest == digest,
        ExternalFlow.token_digest == token_digest,
        ExternalFlow.user_id.is_not_distinct_from(user_id),
        ExternalFlow.expires_at > at,
    )
    spent = delete(ExternalFlow).where(*good).returning(ExternalFlow.sealed_identity)
    return await session.scalar(spent.execution_options(synchronize_session=False))


async def forget_expired(session: AsyncSession, *, at: datetime, limit: int) -> int:
    """Delete some sign-ins that are over; return how many."""
    over = (
        select(ExternalFlow.id)
        .where(ExternalFlow.expires_at < at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(ExternalFlow).where(ExternalFlow.id.in_(over)).returning(ExternalFlow.id)
    result = await session.execute(gone.execution_options(synchronize_session=False))
    return len(result.all())


async def use_link(session: AsyncSession, known: Identity, *, at: datetime) -> UUID | None:
    """Return whose an account at a provider is, if anybody's, and write down that it is used."""
    link = (ExternalLink.issuer == known.issuer, ExternalLink.subject == known.subject)
    used = update(ExternalLink).where(*link).values(last_used_at=at).returning(ExternalLink.user_id)
    return await session.scalar(used.execution_options(synchronize_session=False))


async def add_link(
    session: AsyncSession, known: Identity, *, user_id: UUID, at: datetime, used: bool
) -> ExternalLink | None:
    """Link an account at a provider to a user; None where one of the two is linked already."""
    values = {
        "id": new_id(),
        "user_id": user_id,
        "provider": known.provider,
        "issuer": known.issuer,
        "subject": known.subject,
        "email": known.email,
        "last_used_at": at if used else None,
        "created_at": at,
        "updated_at": at,
    }
    link = insert(ExternalLink).values(values).on_conflict_do_nothing().returning(ExternalLink)
    return await session.scalar(link)


async def list_links(session: AsyncSession, user_id: UUID) -> Sequence[ExternalLink]:
    """Return a user's links, the oldest first: one of each provider at most."""
    mine = select(ExternalLink).where(ExternalLink.user_id == user_id)
    return (await session.scalars(mine.order_by(ExternalLink.created_at))).all()


async def count_links(session: AsyncSession, user_id: UUID, *, issuers: Sequence[str]) -> int:
    """Return by how many accounts of these providers a user can log in."""
    mine = (ExternalLink.user_id == user_id, ExternalLink.issuer.in_(issuers))
    return await session.scalar(select(func.count(ExternalLink.id)).where(*mine)) or 0


async def remove_link(
    session: AsyncSession, link_id: UUID, *, user_id: UUID
) -> ExternalLink | None:
    """Remove a user's link and return it; None where they have no such link."""
    mine = (ExternalLink.id == link_id, ExternalLink.user_id == user_id)
    gone = delete(ExternalLink).where(*mine).returning(ExternalLink)
    return await session.scalar(gone.execution_options(synchronize_session=False))
