"""Replaces the keys that access tokens are signed with, when they are a month old or somebody says so."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Schedule

SPEC = Function(
    name="rotate-signing-key",
    triggers=(Schedule("rate(1 day)"),),
    needs=frozenset({Need.DATABASE, Need.SIGNING_KEY_ROTATION}),
    extras=frozenset({"database", "identity"}),
    timeout_s=60,
    bundle_mib=60,
)
