"""Forgets which messages were handled, which jobs ran and which dead letters were decided, long ago."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-messages",
    triggers=(Schedule("cron(10 3 * * ? *)"),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"database"}),
    timeout_s=300,
    bundle_mib=38,
)
