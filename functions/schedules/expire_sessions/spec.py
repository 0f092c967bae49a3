"""Forgets sessions that ended long ago, with their refresh tokens."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-sessions",
    triggers=(Schedule("rate(6 hours)"),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"database", "cache", "identity"}),
    timeout_s=120,
    bundle_mib=60,
)
