"""Sends the mails that were asked for."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Delivery, Subscribes

SPEC = Function(
    name="mail",
    triggers=(
        Subscribes(
            ("mail.mail_requested",),
            # Few at a time, for SES refuses what goes beyond an account's rate; ten tries take an
            # hour, which outlasts most of what ails it.
            Delivery(batch=5, max_receives=10, visibility_s=360, concurrency=2),
        ),
    ),
    needs=frozenset({Need.DATABASE, Need.VAULT, Need.MAIL}),
    extras=frozenset({"database", "identity", "mail"}),
    memory_mb=256,
    timeout_s=60,
    bundle_mib=62,
)
