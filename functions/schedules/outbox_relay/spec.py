"""The relay of the outbox: nudged after each commit that added events, and swept each minute."""

from shared.manifest.function import OUTBOX_QUEUE, Function, Need
from shared.manifest.triggers import Delivery, Queue, Schedule

SPEC = Function(
    name="outbox-relay",
    triggers=(
        # A nudge says only that there is something: what fails is swept, and one at a time goes far.
        Queue(OUTBOX_QUEUE, Delivery(batch=10, max_receives=3, visibility_s=120, concurrency=2)),
        Schedule("rate(1 minute)"),
    ),
    needs=frozenset({Need.DATABASE, Need.EVENT_BUS}),
    extras=frozenset({"database"}),
    timeout_s=90,
    bundle_mib=38,
)
