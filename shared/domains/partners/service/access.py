"""Whether a key of the right form opens: its row, its time, its partner, and where it is used from."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.adapters import digests
from shared.adapters.database.sessions import autocommit
from shared.adapters.logging import logger
from shared.core import networks
from shared.core.clock import now
from shared.core.errors import ServiceUnavailableError
from shared.core.scopes import KEY_SCOPES, scopes_in
from shared.domains.partners import repository
from shared.domains.partners.errors import (
    ApiKeyExpiredError,
    InvalidApiKeyError,
    NetworkNotAllowedError,
    PartnerSuspendedError,
)
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import KeyHolder, KeyState, PartnerState

NOTED_EVERY = timedelta(minutes=1)
"""How exact the last use of a key is."""


async def authenticate(key: str, *, address: str) -> KeyHolder:
    """Return who a key speaks for at an address: one statement.

    Raises InvalidApiKeyError, ApiKeyExpiredError, PartnerSuspendedError, NetworkNotAllowedError.
    """
    # Found by its digest: how long that takes tells nothing about the keys there are.
    digest = await digest_of(key)
    async with autocommit() as session:
        found = await repository.find_by_digest(session, digest)
    if found is None:
        raise InvalidApiKeyError
    row, partner = found
    at = now()
    _require_good(row, partner, at=at)
    if row.networks and not networks.contains(row.networks, address):
        raise NetworkNotAllowedError
    return _holder(row, partner, at=at)


async def digest_of(key: str) -> str:
    """Return HMAC-SHA-256 of a key, in hexadecimal: all that the database has of it."""
    return await digests.keyed_hash(key, purpose="partner API key")


async def note_use(key_id: UUID) -> None:
    """Write that a key was used now. A database that does not answer costs the note, never the request."""
    try:
        async with autocommit() as session:
            await repository.note_use(session, key_id, at=now(), at_most_every=NOTED_EVERY)
    except ServiceUnavailableError:
        logger().warning("the use of a key was not noted", extra={"partner_key": str(key_id)})


def is_over(expires_at: datetime | None, retires_at: datetime | None, *, at: datetime) -> bool:
    """Tell whether a key's time has passed: its expiry, or the grace after it was rotated."""
    return any(moment is not None and moment <= at for moment in (expires_at, retires_at))


def _require_good(row: PartnerKeyRow, partner: PartnerRow, *, at: datetime) -> None:
    known = row.state is KeyState.ACTIVE and partner.state is not PartnerState.REMOVED
    if not known or partner.account_id is None or row.gateway_id is None:
        raise InvalidApiKeyError
    if is_over(row.expires_at, row.retires_at, at=at):
        raise ApiKeyExpiredError
    if partner.state is PartnerState.SUSPENDED:
        raise PartnerSuspendedError


def _holder(row: PartnerKeyRow, partner: PartnerRow, *, at: datetime) -> KeyHolder:
    noted = row.last_used_at is not None and row.last_used_at >= at - NOTED_EVERY
    return KeyHolder.model_validate(
        {
            "partner_id": partner.id,
            "account_id": partner.account_id,
            "key_id": row.id,
            "plan": partner.plan,
            "gateway_id": row.gateway_id,
            "scopes": scopes_in(row.scope) & KEY_SCOPES,
            "use_is_noted": noted,
        }
    )
