"""Replaces the keys that access tokens are signed with, one run at a time."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from functions.schedules.rotate_signing_key.spec import SPEC
from shared.adapters.logging import logger
from shared.core.key_ring import Rotation
from shared.domains.audit import api as audit
from shared.worker.deadline import LambdaContext
from shared.worker.job import MalformedScheduleError, Outcome, Report, Turn, job_handler


class NotRotatedError(Exception):
    """Somebody asked for new keys, and this event brought none: its moment had a run, or another is at work."""


async def rotate(_: Turn, *, why: Rotation) -> Report:
    """Rotate, and report the ring: how many keys it has, and from when on the newest signs."""
    from shared.adapters import signing_keys

    ring, changed = await signing_keys.rotate(why)
    report = {"why": why.value, "keys": len(ring.keys)}
    if len(ring.keys) > 1 or why is not Rotation.DUE:
        report["newest_signs_from"] = ring.keys[-1].signs_from.isoformat()
    logger().info("signing keys looked after", extra=report)
    if changed:
        await _record(report)
    return report


async def _record(report: Report) -> None:
    """Write a rotation into the audit trail, after it: without a trail it is counted by a metric still."""
    from shared.adapters.database.sessions import unit_of_work

    async with unit_of_work() as session:
        audit.record(
            session,
            action="signing_keys.rotated",
            subject="signing_keys",
            actor_id=None,
            details=report,
        )


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Rotate for a reason: `rotate` of the event, `due` where it says none.

    Raises MalformedScheduleError, NotRotatedError.
    """
    try:
        why = Rotation(event.get("rotate", Rotation.DUE))
    except ValueError as error:
        raise MalformedScheduleError(f"rotate is one of {', '.join(Rotation)}") from error
    told = job_handler(partial(rotate, why=why), name=SPEC.name)(event, context)
    # The schedule's next moment comes by itself; who has compromised keys must not take this for done.
    if why is not Rotation.DUE and told["outcome"] != Outcome.RAN:
        raise NotRotatedError(
            f"nothing was rotated ({told['outcome']}): try again, with the present as scheduled_at"
        )
    return told
