"""Health (does the function run) and readiness (does what it depends on answer)."""

import asyncio
import time
from collections.abc import Awaitable
from enum import StrEnum
from typing import Literal

from fastapi import APIRouter

from shared.adapters import cache
from shared.adapters.logging import logger
from shared.core.errors import FieldError, ServiceUnavailableError
from shared.core.schema import Schema
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import problems

router = APIRouter(tags=["health"])

DATABASE_TIMEOUT_S = 5.0
CACHE_TIMEOUT_S = 2.0


class Dependency(StrEnum):
    """What the service cannot work without."""

    DATABASE = "database"
    CACHE = "cache"


class Health(Schema):
    """That the function runs."""

    status: Literal["ok"] = "ok"


class Readiness(Schema):
    """How long each dependency took to answer, in milliseconds."""

    status: Literal["ready"] = "ready"
    latency_ms: dict[Dependency, float]


class NotReadyError(ServiceUnavailableError):
    """Some dependency does not answer. What it said is in the log, not here."""

    code = "not_ready"
    title = "Not ready"

    def __init__(self, down: list[Dependency]) -> None:
        names = ", ".join(down)
        errors = [
            FieldError(location=(name.value,), code="down", message="It does not answer.")
            for name in down
        ]
        super().__init__(f"These dependencies do not answer: {names}.", errors=errors)


@router.get("/health", openapi_extra=limited(LimitGroup.OPERATIONS))
async def get_health() -> Health:
    """Tell that the function runs; nothing else is asked."""
    return Health()


@router.get(
    "/ready", responses=problems(NotReadyError), openapi_extra=limited(LimitGroup.OPERATIONS)
)
async def get_readiness() -> Readiness:
    """Tell whether database and cache answer, each within its own time."""
    latencies = await asyncio.gather(
        _latency_ms(Dependency.DATABASE, _ping_database()),
        _latency_ms(Dependency.CACHE, cache.ping(timeout_s=CACHE_TIMEOUT_S)),
    )
    measured = dict(zip(Dependency, latencies, strict=True))
    if down := [name for name, latency in measured.items() if latency is None]:
        raise NotReadyError(down)
    return Readiness(latency_ms={name: each for name, each in measured.items() if each is not None})


async def _ping_database() -> None:
    from shared.adapters.database import sessions

    await sessions.ping(timeout_s=DATABASE_TIMEOUT_S)


async def _latency_ms(dependency: Dependency, ping: Awaitable[None]) -> float | None:
    started = time.perf_counter()
    try:
        await ping
    except Exception:  # noqa: BLE001  # whatever it is, the dependency does not answer
        logger().exception("dependency down", extra={"dependency": dependency})
        return None
    return round((time.perf_counter() - started) * 1000, 1)
