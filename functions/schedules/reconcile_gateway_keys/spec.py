"""Finds where our keys and the gateway's differ, heals it, and finishes what requests had to leave."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="reconcile-gateway-keys",
    triggers=(Schedule("rate(15 minutes)"),),
    needs=frozenset({Need.DATABASE, Need.GATEWAY_KEYS, Need.OUTBOX}),
    extras=frozenset({"database", "cache", "identity", "outbound"}),
    timeout_s=300,
    bundle_mib=60,
)
