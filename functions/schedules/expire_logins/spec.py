"""Forgets failed logins that make no difference any more, and tokens, challenges and sign-ins that have expired."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="expire-logins",
    triggers=(Schedule("rate(6 hours)"),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"cache", "database", "federation", "identity", "mfa"}),
    timeout_s=120,
    bundle_mib=64,
)
