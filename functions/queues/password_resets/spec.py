"""Looks up who wants to reset their password, where nobody waits for the answer."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Delivery, Subscribes

SPEC = Function(
    name="password-resets",
    triggers=(
        Subscribes(
            ("identity.password_reset_requested",),
            Delivery(batch=5, max_receives=8, visibility_s=120),
        ),
    ),
    needs=frozenset({Need.DATABASE, Need.VAULT, Need.OUTBOX}),
    extras=frozenset({"cache", "database", "identity"}),
    memory_mb=256,
    timeout_s=30,
    bundle_mib=59,
)
