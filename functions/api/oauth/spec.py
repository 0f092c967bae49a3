"""The authorization server for third parties, and what others need to know to trust its tokens."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="oauth",
    triggers=(Http("/.well-known/{proxy+}"), Http("/oauth/{proxy+}")),
    # No cache: whether a session has ended is asked of the database, which is exact at once.
    needs=frozenset({Need.DATABASE, Need.SIGNING_KEY, Need.VAULT, Need.OUTBOX}),
    extras=frozenset({"web", "database", "cache", "identity", "mfa", "oauth"}),
    memory_mb=1024,
    bundle_mib=70,
)
