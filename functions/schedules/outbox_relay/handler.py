"""Publishes what the outbox holds: told to by nudges of a queue, and each minute by the schedule."""

from dataclasses import asdict
from typing import Any

from functions.schedules.outbox_relay.spec import SPEC
from shared.worker.deadline import Deadline, LambdaContext
from shared.worker.job import Report, Turn, job_handler
from shared.worker.loop import run

ENOUGH_S = 45.0
"""What a claim and its requests may take, in seconds: with less left no claim is begun."""


async def sweep(turn: Turn) -> Report:
    """Publish what no nudge has told of, and report what still waits.

    Beside relays that were nudged it is harmless: none gets a row that another has claimed.
    """
    from shared.adapters.outbox.backlog import measure
    from shared.adapters.outbox.relay import relay

    done = await relay(has_time=lambda: turn.deadline.leaves(ENOUGH_S))
    return asdict(done) | asdict(await measure())


_swept = job_handler(sweep, name=SPEC.name)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Publish until nothing is due. Raises where the database does not answer: it runs again."""
    return _nudged(context) if "Records" in event else _swept(event, context)


def _nudged(context: LambdaContext) -> dict[str, Any]:
    from shared.adapters.outbox.relay import relay

    # What the messages say makes no difference, nor how many there are.
    deadline = Deadline.of(context)
    done = run(relay(has_time=lambda: deadline.leaves(ENOUGH_S)))
    return {"batchItemFailures": [], "report": asdict(done)}
