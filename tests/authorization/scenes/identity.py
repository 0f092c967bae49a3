"""Scenes of users and what is mailed to them."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.identity import repository as identity
from shared.domains.identity.models import EmailToken, User
from shared.domains.identity.schemas import EmailPurpose, Role
from tests.authorization.stage import ADA, LATER, NOW, Owner, scene_of

PASSWORD_HASH = "-"


def user(owner: Owner) -> Sequence[Base]:
    email = f"{owner.name}@example.com"
    return [
        User(
            id=owner.id,
            username=owner.name,
            email=email,
            password_hash=PASSWORD_HASH,
            role=Role.USER if owner is ADA else Role.OPERATOR,
        )
    ]


def email_token(owner: Owner) -> Sequence[Base]:
    return [
        EmailToken(
            id=owner.thing,
            user_id=owner.id,
            purpose=EmailPurpose.VERIFY,
            email="-",
            digest=owner.name,
            expires_at=LATER,
        )
    ]


@scene_of(identity.find, user)
async def find_user(session: AsyncSession, me: Owner) -> object:
    return await identity.find(session, me.id)


@scene_of(identity.find_for_change, user)
async def find_user_for_change(session: AsyncSession, me: Owner) -> object:
    return await identity.find_for_change(session, me.id)


@scene_of(identity.find_with_hash, user)
async def find_user_with_hash(session: AsyncSession, me: Owner) -> object:
    return await identity.find_with_hash(session, me.id)


@scene_of(identity.replace_hash, user)
async def replace_hash(session: AsyncSession, me: Owner) -> None:
    same = User(id=me.id, password_hash=PASSWORD_HASH)
    await identity.replace_hash(session, same, "another")


@scene_of(identity.remove, user)
async def remove_user(session: AsyncSession, me: Owner) -> object:
    return await identity.remove(session, me.id)


@scene_of(identity.find_role, user)
async def find_role(session: AsyncSession, me: Owner) -> object:
    return await identity.find_role(session, me.id)


@scene_of(identity.count_live_tokens, email_token)
async def count_live_tokens(session: AsyncSession, me: Owner) -> object:
    purpose = EmailPurpose.VERIFY
    return await identity.count_live_tokens(session, me.id, purpose=purpose, at=NOW)


@scene_of(identity.forget_tokens, email_token)
async def forget_tokens(session: AsyncSession, me: Owner) -> None:
    await identity.forget_tokens(session, me.id, purpose=EmailPurpose.VERIFY)


@scene_of(identity.spend_token, email_token)
async def spend_token(session: AsyncSession, me: Owner) -> object:
    return await identity.spend_token(session, me.name, purpose=EmailPurpose.VERIFY, at=NOW)
