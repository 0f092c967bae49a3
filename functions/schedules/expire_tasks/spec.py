"""Deletes tasks that expired, with their files, and has those gone on with that stand still."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-tasks",
    triggers=(Schedule("rate(10 minutes)"),),
    needs=frozenset({Need.DATABASE, Need.OUTBOX, Need.FILES}),
    extras=frozenset({"cache", "database", "identity"}),
    timeout_s=120,
    bundle_mib=59,
)
