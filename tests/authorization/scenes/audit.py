"""Scenes of the audit trail."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.audit import repository as audit
from shared.domains.audit.models import AuditEntry
from shared.domains.audit.schemas import AuditFilter
from tests.authorization.stage import ANY, Owner, scene_of


def entry(actor: Owner) -> Sequence[Base]:
    did = {"action": "lamp.lit", "subject": "lamp", "details": {}}
    return [AuditEntry(id=actor.thing, actor_id=actor.id, **did)]


@scene_of(audit.list_entries, entry)
async def list_entries(session: AsyncSession, me: Owner) -> object:
    return await audit.list_entries(session, which=AuditFilter(actor_id=me.id), paging=ANY)
