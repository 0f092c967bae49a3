"""Scenes of second factors."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.base import Base
from shared.domains.mfa import repository as mfa
from shared.domains.mfa.models import (
    MfaChallenge,
    MfaConfirmation,
    PasskeyRow,
    RecoveryCode,
    TotpAuthenticator,
)
from tests.authorization.stage import ADA, LATER, NAMES, NOW, THINGS, Owner, scene_of


def challenge(owner: Owner) -> Sequence[Base]:
    return [MfaChallenge(digest=owner.name, purpose="lamp", user_id=owner.id, expires_at=LATER)]


def totp(owner: Owner) -> Sequence[Base]:
    return [
        TotpAuthenticator(user_id=owner.id, sealed_secret="-", created_at=NOW, confirmed_at=NOW)
    ]


def recovery_code(owner: Owner) -> Sequence[Base]:
    return [RecoveryCode(digest=owner.name, user_id=owner.id, created_at=NOW)]


def passkey(owner: Owner) -> Sequence[Base]:
    return [
        PasskeyRow(
            id=owner.thing,
            user_id=owner.id,
            credential_id=owner.name,
            public_key="",
            sign_count=0,
            name="Laptop",
            transports=[],
            aaguid="-",
            synced=False,
            backed_up=False,
        )
    ]


def factors(owner: Owner) -> Sequence[Base]:
    return [*passkey(owner), *totp(owner)]


def methods(owner: Owner) -> Sequence[Base]:
    """Give one a passkey, the other the other methods."""
    return passkey(owner) if owner is ADA else [*totp(owner), *recovery_code(owner)]


def confirmation(owner: Owner) -> Sequence[Base]:
    """Let one's hold, and the other's be over."""
    until = LATER if owner is ADA else NOW
    return [MfaConfirmation(session_id=owner.thing, expires_at=until)]


@scene_of(mfa.methods_of, methods)
async def methods_of(session: AsyncSession, me: Owner) -> object:
    return await mfa.methods_of(session, me.id)


@scene_of(mfa.count_factors, factors)
async def count_factors(session: AsyncSession, me: Owner) -> object:
    return await mfa.count_factors(session, me.id)


@scene_of(mfa.spend_challenge, challenge)
async def spend_challenges(session: AsyncSession, me: Owner) -> object:
    given: dict[str, Any] = {"purpose": "lamp", "user_id": me.id, "at": NOW}
    return [await mfa.spend_challenge(session, name, **given) for name in NAMES]


@scene_of(mfa.find_totp, totp)
async def find_totp(session: AsyncSession, me: Owner) -> object:
    return await mfa.find_totp(session, me.id)


@scene_of(mfa.spend_step, totp)
async def spend_step(session: AsyncSession, me: Owner) -> object:
    return await mfa.spend_step(session, me.id, step=1, at=NOW)


@scene_of(mfa.remove_totp, totp)
async def remove_totp(session: AsyncSession, me: Owner) -> object:
    return await mfa.remove_totp(session, me.id)


@scene_of(mfa.replace_recovery_codes, recovery_code)
async def replace_recovery_codes(session: AsyncSession, me: Owner) -> None:
    await mfa.replace_recovery_codes(session, me.id, ["another"], at=NOW)


@scene_of(mfa.spend_recovery_code, recovery_code)
async def spend_recovery_codes(session: AsyncSession, me: Owner) -> object:
    return [await mfa.spend_recovery_code(session, me.id, name, at=NOW) for name in NAMES]


@scene_of(mfa.count_recovery_codes, recovery_code)
async def count_recovery_codes(session: AsyncSession, me: Owner) -> object:
    return await mfa.count_recovery_codes(session, me.id)


@scene_of(mfa.list_passkeys, passkey)
async def list_passkeys(session: AsyncSession, me: Owner) -> object:
    return await mfa.list_passkeys(session, me.id)


@scene_of(mfa.find_passkey, passkey)
async def find_passkeys(session: AsyncSession, me: Owner) -> object:
    return [await mfa.find_passkey(session, user_id=me.id, passkey_id=i) for i in THINGS]


@scene_of(mfa.find_credential, passkey)
async def find_credentials(session: AsyncSession, me: Owner) -> object:
    return [await mfa.find_credential(session, name, user_id=me.id) for name in NAMES]


@scene_of(mfa.remove_passkey, passkey)
async def remove_passkeys(session: AsyncSession, me: Owner) -> object:
    return [await mfa.remove_passkey(session, user_id=me.id, passkey_id=i) for i in THINGS]


@scene_of(mfa.find_challenge, challenge)
async def find_challenge(session: AsyncSession, me: Owner) -> object:
    return await mfa.find_challenge(session, me.name, purpose="lamp", at=NOW)


@scene_of(mfa.is_confirmed, confirmation)
async def is_confirmed(session: AsyncSession, me: Owner) -> object:
    return await mfa.is_confirmed(session, me.thing, at=NOW)
