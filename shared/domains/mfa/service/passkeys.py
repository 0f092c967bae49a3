"""Passkeys: registering, using and removing them (Web Authentication Level 3)."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import passkeys
from shared.adapters.logging import logger
from shared.config.passkeys import relying_party_id
from shared.core.clock import now
from shared.core.opaque_tokens import digest_of, new_token
from shared.domains.audit import api as audit
from shared.domains.identity import api as identity
from shared.domains.mfa import repository
from shared.domains.mfa.errors import (
    PasskeyNotFoundError,
    PasskeyRefusedError,
    TooManyPasskeysError,
)
from shared.domains.mfa.models import MfaChallenge, PasskeyRow
from shared.domains.mfa.schemas import (
    CreationOptions,
    CredentialDescriptor,
    CredentialParameter,
    Method,
    NewPasskey,
    Passkey,
    PasskeyAssertion,
    PasskeyEnrolment,
    RelyingParty,
    UserEntity,
)
from shared.domains.mfa.service import factors
from shared.domains.sessions.api import Principal

MOST_PASSKEYS = 20
"""Passkeys that a user can have."""

CHALLENGE_LIFE = timedelta(minutes=5)
"""How long a challenge waits for its answer."""

_REGISTRATION = "registration"
_PRODUCT = "Switchyard"


async def creation_options(session: AsyncSession, user_id: UUID) -> CreationOptions:
    """Return what the browser needs to make a passkey. Raises TooManyPasskeysError."""
    user = await identity.get_user(session, user_id)
    known = await _require_room(session, user_id)
    challenge = await new_challenge(session, purpose=_REGISTRATION, user_id=user_id)
    # The user handle says nothing about the user (section 14.6.1): an id, no name.
    handle = passkeys.to_base64url(user_id.bytes)
    return CreationOptions(
        rp=RelyingParty(id=relying_party_id(), name=_PRODUCT),
        user=UserEntity(id=handle, name=user.username, display_name=user.username),
        challenge=challenge,
        pub_key_cred_params=tuple(CredentialParameter(alg=each) for each in passkeys.ALGORITHMS),
        timeout=passkeys.TIMEOUT_MS,
        exclude_credentials=descriptors_of(known),
    )


async def new_challenge(session: AsyncSession, *, purpose: str, user_id: UUID | None) -> str:
    """Return a challenge, in base64url, that can be answered once, by this user if any."""
    challenge = new_token()
    row = MfaChallenge(
        digest=digest_of(challenge),
        purpose=purpose,
        user_id=user_id,
        expires_at=now() + CHALLENGE_LIFE,
    )
    await repository.add_challenge(session, row)
    return challenge


def descriptors_of(rows: "list[PasskeyRow]") -> tuple[CredentialDescriptor, ...]:
    """Return what a browser needs to find credentials."""
    return tuple(
        CredentialDescriptor(id=row.credential_id, transports=tuple(row.transports)) for row in rows
    )


async def register(session: AsyncSession, user: Principal, new: NewPasskey) -> PasskeyEnrolment:
    """Register a passkey. Raises PasskeyRefusedError, PasskeyKnownError, TooManyPasskeysError."""
    try:
        challenge = passkeys.challenge_in(new.passkey.response.client_data_json)
        credential = new.passkey.model_dump(mode="json", by_alias=True)
        made = passkeys.verify_made(credential, challenge=challenge)
    except passkeys.RefusedError as error:
        raise PasskeyRefusedError from error
    await _spend(session, challenge, user_id=user.user_id)
    await _require_room(session, user.user_id)
    row = PasskeyRow(
        user_id=user.user_id,
        name=new.name,
        transports=new.passkey.response.transports,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        synced=made.synced,
        backed_up=made.backed_up,
    )
    await repository.save_passkey(session, row)
    codes = await factors.added(session, user, kind=Method.PASSKEY)
    return PasskeyEnrolment(passkey=Passkey.model_validate(row), recovery_codes=codes)


async def use(
    session: AsyncSession,
    given: PasskeyAssertion,
    *,
    challenge: str,
    user_id: UUID | None,
    alone: bool,
) -> PasskeyRow | None:
    """Return the passkey that signed a challenge, of one user where that is known; None where none did.

    `alone` asks for a user who was verified (by PIN or body), and for the passkey to say whose it is.
    """
    row = await repository.find_credential(session, given.id, user_id=user_id)
    if row is None or (alone and not _names(given, row.user_id)):
        return None
    credential = given.model_dump(mode="json", by_alias=True)
    try:
        used = passkeys.verify_used(credential, challenge=challenge, public_key=row.public_key)
    except passkeys.RefusedError:
        return None
    if alone and not used.user_verified:
        return None
    if (used.sign_count or row.sign_count) and used.sign_count <= row.sign_count:
        _tell_of_copy(session, row, sign_count=used.sign_count)
        return None
    row.sign_count, row.backed_up, row.last_used_at = used.sign_count, used.backed_up, now()
    await repository.save_passkey(session, row)
    return row


async def rename(session: AsyncSession, *, user_id: UUID, passkey_id: UUID, name: str) -> Passkey:
    """Give a passkey another name. Raises PasskeyNotFoundError."""
    row = await repository.find_passkey(session, user_id=user_id, passkey_id=passkey_id)
    if row is None:
        raise PasskeyNotFoundError
    row.name = name
    await repository.save_passkey(session, row)
    return Passkey.model_validate(row)


async def remove(session: AsyncSession, user: Principal, passkey_id: UUID) -> None:
    """Remove a passkey. Raises PasskeyNotFoundError."""
    if not await repository.remove_passkey(session, user_id=user.user_id, passkey_id=passkey_id):
        raise PasskeyNotFoundError
    await factors.removed(session, user, kind=Method.PASSKEY)


async def _require_room(session: AsyncSession, user_id: UUID) -> list[PasskeyRow]:
    """Return a user's passkeys. Raises TooManyPasskeysError."""
    known = list(await repository.list_passkeys(session, user_id))
    if len(known) >= MOST_PASSKEYS:
        raise TooManyPasskeysError(most=MOST_PASSKEYS)
    return known


async def _spend(session: AsyncSession, challenge: str, *, user_id: UUID) -> None:
    spent = await repository.spend_challenge(
        session, digest_of(challenge), purpose=_REGISTRATION, at=now(), user_id=user_id
    )
    if not spent:
        raise PasskeyRefusedError


def _names(given: PasskeyAssertion, user_id: UUID) -> bool:
    return given.response.user_handle == passkeys.to_base64url(user_id.bytes)


def _tell_of_copy(session: AsyncSession, row: PasskeyRow, *, sign_count: int) -> None:
    """Write down that a count went back: there may be two of what should be one (section 6.1.1)."""
    audit.record(
        session,
        action="mfa.passkey_looks_copied",
        subject=f"passkey:{row.id}",
        actor_id=row.user_id,
        details={"sign_count": sign_count, "known": row.sign_count},
    )
    logger().warning("a passkey's count of signatures went back", extra={"passkey": str(row.id)})
