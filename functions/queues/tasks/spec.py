"""Long work that users ask for: imports, exports, the end of an account."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Delivery, Subscribes

SPEC = Function(
    name="tasks",
    triggers=(
        Subscribes(
            ("tasks.task_queued", "tasks.task_continued"),
            # A task fails by its own policy long before its message is a dead letter.
            Delivery(batch=1, max_receives=20, visibility_s=330),
        ),
    ),
    needs=frozenset({Need.DATABASE, Need.OUTBOX, Need.FILES}),
    extras=frozenset({"cache", "database", "federation", "identity", "mfa", "oauth", "outbound"}),
    memory_mb=256,
    timeout_s=300,
    bundle_mib=72,
)
