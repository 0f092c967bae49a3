"""Delivers what is due: told to by nudges of a queue, and each minute by the schedule."""

from dataclasses import asdict
from typing import Any

from functions.queues.webhook_delivery.spec import SPEC
from shared.worker.deadline import Deadline, LambdaContext
from shared.worker.job import Report, Turn, job_handler
from shared.worker.loop import run

ENOUGH_S = 95.0
"""For how long what is claimed may be in hand, and the record of it, in seconds: with less left nothing is."""


async def sweep(turn: Turn) -> Report:
    """Deliver what no nudge has told of.

    Beside workers that were nudged it is harmless: none gets what another has claimed.
    """
    return await _deliver(turn.deadline)


async def _deliver(deadline: Deadline) -> Report:
    from shared.domains.webhooks import api as webhooks

    return asdict(await webhooks.deliver(has_time=lambda: deadline.leaves(ENOUGH_S)))


_swept = job_handler(sweep, name=SPEC.name)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver until nothing is due. Raises where the database does not answer: it runs again."""
    return _nudged(context) if "Records" in event else _swept(event, context)


def _nudged(context: LambdaContext) -> dict[str, Any]:
    # What the messages say makes no difference, nor how many there are.
    return {"batchItemFailures": [], "report": run(_deliver(Deadline.of(context)))}
