"""What is needed to send to an endpoint: its address, its headers and what signs, unsealed once.

It is kept for as long as a worker runs, and no longer than it is what the database says: each claim names
the version of its endpoint and which secrets sign.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from uuid import UUID

from shared.adapters import vault
from shared.adapters.database.sessions import autocommit
from shared.adapters.logging import logger
from shared.core.clock import now
from shared.core.webhook_signing import MalformedKeyError, Signer
from shared.domains.webhooks.models import EndpointRow, SecretRow
from shared.domains.webhooks.repository import health as repository
from shared.domains.webhooks.repository.deliveries import Claimed
from shared.domains.webhooks.service.secrets import SECRET_PURPOSE
from shared.domains.webhooks.service.vetting import HEADERS_PURPOSE

AT_ONCE = 20
"""Endpoints of one statement: with their headers they stay below the Data API's 1 MiB of an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receiver:
    """An endpoint as messages are sent to it. Without a signer it cannot be sent any."""

    url: str
    is_installations: bool
    headers: Mapping[str, str] = field(repr=False)
    signer: Signer | None = field(repr=False)


class Receivers:
    """The endpoints that a worker has to do with."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[str, Receiver]] = {}

    async def learn(self, claimed: Iterable[Claimed]) -> None:
        """Read those that are not known yet, or have changed."""
        marks = {each.endpoint_id: each.endpoint_mark for each in claimed}
        unknown = [id_ for id_, mark in marks.items() if self._mark(id_) != mark]
        for some in batched(unknown, AT_ONCE, strict=False):
            for id_, receiver in (await _read(some)).items():
                self._known[id_] = (marks[id_], receiver)

    def find(self, endpoint_id: UUID) -> Receiver | None:
        """Return an endpoint, or None: it was deleted meanwhile."""
        known = self._known.get(endpoint_id)
        return known[1] if known else None

    def _mark(self, endpoint_id: UUID) -> str | None:
        known = self._known.get(endpoint_id)
        return known[0] if known else None


async def _read(ids: Collection[UUID]) -> dict[UUID, Receiver]:
    async with autocommit() as session:
        endpoints, secrets = await repository.endpoints_with_secrets(session, ids, at=now())
    return {
        each.id: await _receiver_of(each, [s for s in secrets if s.endpoint_id == each.id])
        for each in endpoints
    }


async def _receiver_of(endpoint: EndpointRow, secrets: Sequence[SecretRow]) -> Receiver:
    signer: Signer | None
    try:
        signer = Signer.of(
            *[await vault.unseal(each.sealed, purpose=SECRET_PURPOSE) for each in secrets]
        )
        headers = await _headers_of(endpoint)
    except (MalformedKeyError, vault.SealBrokenError):
        logger().exception("an endpoint cannot be signed for", extra={"endpoint_id": endpoint.id})
        headers, signer = {}, None
    return Receiver(
        url=endpoint.url,
        is_installations=endpoint.owner_id is None,
        headers=headers,
        signer=signer,
    )


async def _headers_of(endpoint: EndpointRow) -> dict[str, str]:
    if endpoint.sealed_headers is None:
        return {}
    text = await vault.unseal(endpoint.sealed_headers, purpose=HEADERS_PURPOSE)
    headers: dict[str, str] = json.loads(text)
    return headers
