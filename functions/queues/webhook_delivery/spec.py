"""The worker of webhooks: nudged when deliveries are due, and each minute."""

from shared.manifest.function import WEBHOOK_QUEUE, Function, Need
from shared.manifest.triggers import Delivery, Queue, Schedule

SPEC = Function(
    name="webhook-delivery",
    triggers=(
        # A nudge says only that there is something: each run goes on until nothing is due, and as
        # many as this share what is.
        Queue(WEBHOOK_QUEUE, Delivery(batch=10, max_receives=3, visibility_s=300, concurrency=5)),
        Schedule("rate(1 minute)"),
    ),
    # It calls the internet, and so stands in no network.
    needs=frozenset({Need.DATABASE, Need.VAULT, Need.OUTBOX, Need.WEBHOOKS}),
    extras=frozenset({"cache", "database", "identity", "outbound"}),
    memory_mb=1024,
    timeout_s=240,
    bundle_mib=62,
)
