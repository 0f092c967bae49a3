"""What starts periodic jobs: EventBridge Scheduler, on this machine."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from infra_cdk.local.clock.cron import Cron, Rate, parse
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.registry import Registered

_logger = logging.getLogger(__name__)

_NAP_S = 30.0
"""Longest sleep, in seconds: a machine that was suspended must not wait for long."""


class Clock:
    """The schedules of all functions. `invoke` runs a function, by name, on an event.

    Raises ScheduleError where a schedule is not understood. `now` and `sleep` are a test's own.
    """

    def __init__(
        self,
        functions: Sequence[Registered],
        *,
        invoke: Callable[[str, bytes], Awaitable[Outcome]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._schedules = [
            (each.spec.name, parse(schedule.expression))
            for each in functions
            for schedule in each.spec.schedules
        ]
        self._invoke = invoke
        self._now = now
        self._sleep = sleep

    async def run(self) -> None:
        """Start each job when it is due, until cancelled or nothing is ever due again.

        Of the moments that have passed meanwhile, as on a suspended machine, one is made up for.
        """
        async with asyncio.TaskGroup() as running:
            for job, schedule in self._schedules:
                running.create_task(self._keep(job, schedule=schedule, running=running))

    async def _keep(self, job: str, *, schedule: Cron | Rate, running: asyncio.TaskGroup) -> None:
        due = schedule.next(self._now())
        while due is not None:
            while (left_s := (due - self._now()).total_seconds()) > 0:
                await self._sleep(min(left_s, _NAP_S))
            # Not waited for: as on AWS, the next moment comes whether this run has ended or not.
            running.create_task(self._start(job, scheduled_at=due))
            due = schedule.next(self._now())

    async def _start(self, job: str, *, scheduled_at: datetime) -> None:
        outcome = await self._invoke(job, event_of(job, scheduled_at=scheduled_at))
        if outcome.error:
            _logger.warning("the job %s failed: %s", job, outcome.reason)


def event_of(job: str, *, scheduled_at: datetime) -> bytes:
    """Return what a job is started with: its name, and the moment that it runs for."""
    moment = scheduled_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"job": job, "scheduled_at": moment}).encode()
