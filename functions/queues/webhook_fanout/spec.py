"""Makes a delivery of each public event for every endpoint that wants it."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Delivery, Schedule, Subscribes

SPEC = Function(
    name="webhook-fanout",
    triggers=(
        # The types of the bus of every public event: a test compares them with the catalogue.
        Subscribes(
            (
                "catalog.item_changed",
                "catalog.item_created",
                "catalog.item_deleted",
                "catalog.post_created",
                "catalog.post_deleted",
                "journal.public_events_added",
                "tasks.task_finished",
                "webhooks.endpoint_disabled",
            ),
            Delivery(batch=10, max_receives=5, visibility_s=120, concurrency=5),
        ),
        # What an event of the bus did not lead to stands in the journal still.
        Schedule("rate(1 minute)"),
    ),
    needs=frozenset({Need.DATABASE, Need.WEBHOOKS}),
    extras=frozenset({"cache", "database", "identity", "outbound"}),
    timeout_s=60,
    bundle_mib=60,
)
