"""Puts revoked sessions on the deny list, so that their access tokens are good no more."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Delivery, Subscribes

SPEC = Function(
    name="deny-sessions",
    triggers=(
        Subscribes(
            ("sessions.sessions_revoked",),
            # A token lives for 15 minutes: what is put off for longer need not be done at all.
            Delivery(batch=10, max_receives=8, visibility_s=60),
        ),
    ),
    needs=frozenset({Need.CACHE}),
    extras=frozenset({"cache"}),
    memory_mb=256,
    timeout_s=30,
    bundle_mib=40,
)
