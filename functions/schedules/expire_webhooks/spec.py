"""Removes what webhooks leave behind: log, journal and secrets past their time, and removed endpoints."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-webhooks",
    triggers=(Schedule("rate(1 hour)"),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"cache", "database", "identity", "outbound"}),
    timeout_s=300,
    bundle_mib=60,
)
