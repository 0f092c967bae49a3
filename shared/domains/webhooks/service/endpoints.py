"""The rules of endpoints: an address that was vetted, events that there are, and a state that its owner decides.

A disabled or removed one is sent nothing, and what was pending is dropped: its owner can have it sent
again by `resend-failed` once it is enabled.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.clock import now
from shared.core.ids import new_id
from shared.core.pagination import Page
from shared.core.schema import Paging
from shared.domains.webhooks.errors import HeadersNeededError, TooManyEndpointsError
from shared.domains.webhooks.models import EndpointRow, HealthRow
from shared.domains.webhooks.repository import endpoints as repository
from shared.domains.webhooks.schemas import (
    MOST_ENDPOINTS,
    DisabledReason,
    EndpointChange,
    EndpointDraft,
    EndpointFilter,
    EndpointState,
    Owner,
    Verification,
)
from shared.domains.webhooks.service import finding, secrets, trail, trials, vetting
from shared.domains.webhooks.service.secrets import MadeSecret

_TAKEN_AS_THEY_ARE = ("description", "ordered", "rate_limit")


@dataclass(frozen=True, kw_only=True)
class MadeEndpoint:
    """A new endpoint, with its secrets."""

    row: EndpointRow
    health: HealthRow
    secrets: tuple[MadeSecret, ...]


async def create(session: AsyncSession, *, owner: Owner, draft: EndpointDraft) -> MadeEndpoint:
    """Make an endpoint.

    Raises UnfitUrlError, UnknownEventTypeError, UnfitHeaderError, TooManyEndpointsError.
    """
    row = await _row_of(draft, owner_id=owner.owner_id)
    await repository.hold_place(session, owner.owner_id)
    if await repository.count_endpoints(session, owner.owner_id) >= MOST_ENDPOINTS:
        raise TooManyEndpointsError(MOST_ENDPOINTS)
    health = HealthRow(endpoint_id=row.id, next_at=now(), failures=0)
    await repository.save(session, row, health)
    schemes = dict.fromkeys(draft.schemes)
    made = [await secrets.add(session, row.id, scheme=each) for each in schemes]
    if row.state is EndpointState.UNVERIFIED:
        await trials.ask_to_verify(session, row)
    trail.record(session, row.id, action="endpoint_created", owner=owner)
    return MadeEndpoint(row=row, health=health, secrets=tuple(made))


async def list_endpoints(
    session: AsyncSession, *, owner: Owner, which: EndpointFilter, paging: Paging
) -> Page[EndpointRow]:
    """Return a page of an owner's endpoints, newest first. Raises ValidationFailedError."""
    return await repository.list_endpoints(
        session, owner_id=owner.owner_id, which=which, paging=paging
    )


async def change(
    session: AsyncSession, endpoint_id: UUID, *, owner: Owner, change: EndpointChange
) -> EndpointRow:
    """Change an endpoint.

    Raises EndpointNotFoundError, UnfitUrlError, UnknownEventTypeError, UnfitHeaderError, HeadersNeededError.
    """
    row = await finding.require_for_change(session, endpoint_id, owner=owner)
    fields = change.model_dump(exclude_unset=True)
    for name in _TAKEN_AS_THEY_ARE:
        if name in fields:
            setattr(row, name, fields[name])
    if change.event_types is not MISSING:
        row.event_types = _patterns(change.event_types)
    if change.headers is not MISSING:
        row.sealed_headers = await vetting.sealed(change.headers)
        row.header_names = list(change.headers)
    if change.url is not MISSING:
        _keep_headers_at_home(row, change, url=change.url)
        await _move(session, row, url=change.url)
    if change.enabled is not MISSING:
        await (_enable if change.enabled else _disable)(session, row)
    row.version += 1
    await repository.save(session, row)
    trail.record(session, row.id, action="endpoint_changed", owner=owner, fields=sorted(fields))
    return row


async def remove(session: AsyncSession, endpoint_id: UUID, *, owner: Owner) -> None:
    """Remove an endpoint: it is sent nothing more, and its log goes soon. Raises EndpointNotFoundError."""
    row = await finding.require_for_change(session, endpoint_id, owner=owner)
    row.state, row.sealed_headers, row.header_names = EndpointState.REMOVED, None, []
    await repository.save(session, row)
    await repository.remove_secrets(session, row.id)
    await repository.drop_pending(session, row.id, at=now())
    trail.record(session, row.id, action="endpoint_removed", owner=owner)


async def _row_of(draft: EndpointDraft, *, owner_id: UUID | None) -> EndpointRow:
    vetting.check_url(draft.url)
    row = EndpointRow(
        id=new_id(),
        owner_id=owner_id,
        url=draft.url,
        description=draft.description,
        event_types=_patterns(draft.event_types),
        ordered=draft.ordered,
        header_names=list(draft.headers),
        sealed_headers=await vetting.sealed(draft.headers),
        rate_limit=draft.rate_limit,
        state=EndpointState.ENABLED,
        verification=draft.verification,
        version=1,
    )
    if not draft.enabled:
        _mark_disabled(row)
    if draft.verification is not Verification.NONE:
        row.state = EndpointState.UNVERIFIED
    return row


def _patterns(given: tuple[str, ...]) -> list[str]:
    vetting.check_patterns(given)
    return list(dict.fromkeys(given))


def _keep_headers_at_home(row: EndpointRow, change: EndpointChange, *, url: str) -> None:
    # They may be credentials, which nobody is shown: no change of the address may have them sent elsewhere.
    is_kept = row.sealed_headers is not None and change.headers is MISSING
    if is_kept and urlsplit(url)[:2] != urlsplit(row.url)[:2]:
        raise HeadersNeededError


async def _move(session: AsyncSession, row: EndpointRow, *, url: str) -> None:
    """Send to another address from now on: whoever answers there has to show it anew."""
    if url == row.url:
        return
    vetting.check_url(url)
    row.url = url
    await repository.reset_health(session, row.id, at=now())
    if row.verification is Verification.NONE:
        return
    row.verified_at = None
    if row.state in (EndpointState.ENABLED, EndpointState.UNVERIFIED):
        await _verify(session, row)


async def _enable(session: AsyncSession, row: EndpointRow) -> None:
    if row.state is EndpointState.ENABLED:
        return
    row.disabled_reason = row.disabled_at = None
    await repository.reset_health(session, row.id, at=now())
    if row.verification is not Verification.NONE and row.verified_at is None:
        await _verify(session, row)
    else:
        row.state = EndpointState.ENABLED


async def _disable(session: AsyncSession, row: EndpointRow) -> None:
    if row.state is EndpointState.ENABLED:
        _mark_disabled(row)
        await repository.drop_pending(session, row.id, at=now())
    elif row.state is EndpointState.UNVERIFIED:
        # What it becomes once it has answered.
        row.disabled_reason, row.disabled_at = DisabledReason.BY_OWNER, now()


def _mark_disabled(row: EndpointRow) -> None:
    row.state = EndpointState.DISABLED
    row.disabled_reason, row.disabled_at = DisabledReason.BY_OWNER, now()


async def _verify(session: AsyncSession, row: EndpointRow) -> None:
    """Ask an endpoint to show whose it is; an answer to what it was asked before counts no more."""
    row.state = EndpointState.UNVERIFIED
    await repository.drop_verifications(session, row.id, at=now())
    await trials.ask_to_verify(session, row)
