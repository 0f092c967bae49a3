"""Forgets codes whose replay is not looked out for any more, and used assertions that have expired."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-grants",
    triggers=(Schedule("rate(6 hours)"),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"cache", "database", "identity", "oauth"}),
    timeout_s=120,
    bundle_mib=65,
)
