"""Scenes of dead letters, which are nobody's."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.dead_letters import repository as dead_letters
from shared.domains.dead_letters.models import DeadLetter
from tests.authorization.stage import NOW, Owner, scene_of


def letter(owner: Owner) -> Sequence[Base]:
    return [
        DeadLetter(
            id=owner.thing,
            queue="lanterns",
            message_id=owner.name,
            body="lit",
            escaped=False,
            attributes="{}",
            sent_at=NOW,
            receives=4,
        )
    ]


@scene_of(dead_letters.find, letter)
async def find_letter(session: AsyncSession, me: Owner) -> object:
    return await dead_letters.find(session, queue="lanterns", letter_id=me.thing)
