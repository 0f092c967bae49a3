"""Forgets answers that were kept for repeated requests, once their time is over."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-idempotency-keys",
    triggers=(Schedule("rate(1 hour)"),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"database"}),
    timeout_s=120,
    bundle_mib=38,
)
