"""Keeps what every queue gave up on, for operators to decide about."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import DeadLetters, Delivery

SPEC = Function(
    name="dead-letters",
    triggers=(DeadLetters(Delivery(batch=10, visibility_s=180)),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"database"}),
    memory_mb=256,
    bundle_mib=38,
)
