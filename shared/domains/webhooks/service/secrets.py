"""The rules of secrets: several sign at once while one replaces another; each is shown once and kept sealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import vault
from shared.core import webhook_signing
from shared.core.clock import now
from shared.domains.webhooks.errors import TooManySecretsError
from shared.domains.webhooks.models import SecretRow
from shared.domains.webhooks.repository import endpoints as repository
from shared.domains.webhooks.schemas import MOST_SECRETS, Owner, SecretRotation, SecretScheme
from shared.domains.webhooks.service import finding, trail

SECRET_PURPOSE = "webhook-secret"  # noqa: S105  # what it is sealed for
"""What secrets are sealed for."""


@dataclass(frozen=True)
class MadeSecret:
    """A new secret, and what of it its owner is told this once: nothing of one that stays here."""

    row: SecretRow
    value: str | None = field(repr=False)


async def add(session: AsyncSession, endpoint_id: UUID, *, scheme: SecretScheme) -> MadeSecret:
    """Make one more secret for an endpoint."""
    if scheme is SecretScheme.V1:
        text = told = webhook_signing.new_secret()
        public_key = None
    else:
        text, told = webhook_signing.new_private_key(), None
        public_key = webhook_signing.public_key_of(text)
    sealed = await vault.seal(text, purpose=SECRET_PURPOSE)
    row = SecretRow(endpoint_id=endpoint_id, scheme=scheme, sealed=sealed, public_key=public_key)
    await repository.save(session, row)
    return MadeSecret(row, told)


async def list_secrets(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner
) -> Sequence[SecretRow]:
    """Return the secrets that sign now, newest first. Raises EndpointNotFoundError."""
    await finding.require(session, endpoint_id, owner=owner)
    return await repository.list_secrets(session, endpoint_id, at=now())


async def rotate(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, rotation: SecretRotation
) -> MadeSecret:
    """Make a secret in the place of those of its scheme, or of all, which sign beside it for a while.

    With an overlap of 0 they end at once; an endpoint without any of the scheme gets its first.
    Raises EndpointNotFoundError, TooManySecretsError.
    """
    await finding.require_for_change(session, endpoint_id, owner=owner)
    scheme, at = rotation.scheme, now()
    signing = await repository.count_secrets(session, endpoint_id, scheme=scheme, at=at)
    # To end one early would break receivers that have it; to end all at once is always possible.
    if rotation.overlap_s and signing >= MOST_SECRETS:
        raise TooManySecretsError(MOST_SECRETS)
    until = at + timedelta(seconds=rotation.overlap_s)
    ended = None if rotation.all_schemes else scheme
    await repository.end_secrets(session, endpoint_id, scheme=ended, at=until)
    made = await add(session, endpoint_id, scheme=scheme)
    details = rotation.model_dump(mode="json")
    trail.record(session, endpoint_id, action="secret_rotated", owner=owner, **details)
    return made
