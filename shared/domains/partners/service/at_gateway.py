"""Changes of keys at the gateway, which come after ours and may fail when ours are done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from shared.adapters import gateway_keys
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.gateway_keys import GatewayKeysError
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.domains.partners import repository
from shared.domains.partners.errors import GatewayPendingError

PATIENCE_S = 18.0
"""How long a request waits for the gateway's control plane, in seconds: its own end is at 29."""


async def put(key_id: UUID, *, value: str, plan: str) -> str:
    """Make a key at the gateway, and return its id there. Raises GatewayPendingError."""
    async with _in_time("The gateway did not take the key: nothing was made. Try again."):
        return await gateway_keys.put_key(str(key_id), value=value, plan=plan)


async def move(key_ids: Sequence[UUID], *, plan: str) -> None:
    """Put keys on another plan, those that the gateway has. Raises GatewayPendingError."""
    async with _in_time(
        "The partner is changed, but the gateway did not take all of its keys to the new plan: "
        "they follow within 15 minutes, or when this is asked for again."
    ):
        for key_id in key_ids:
            await gateway_keys.move_key(str(key_id), plan=plan)


async def take_off(key_ids: Sequence[UUID]) -> None:
    """Remove keys that have ended here. What the gateway keeps for now, the reconciler takes away later."""
    gone: list[UUID] = []
    try:
        async with _in_time("The gateway keeps keys that have ended."):
            for key_id in key_ids:
                await gateway_keys.remove_key(str(key_id))
                gone.append(key_id)
    except GatewayPendingError:
        logger().warning("keys that have ended wait for the reconciler", extra={"gone": len(gone)})
    if gone:
        async with unit_of_work() as session:
            await repository.settle_removed(session, gone)


@asynccontextmanager
async def _in_time(detail: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except (GatewayKeysError, gateway_keys.GatewayKeyTakenError, TimeoutError) as error:
        count(Metric.GATEWAY_KEY_PENDING)
        raise GatewayPendingError(detail) from error
