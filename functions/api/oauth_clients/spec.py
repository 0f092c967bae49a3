"""Where users manage their OAuth clients, and what they granted those of others."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="oauth-clients",
    triggers=(Http("/v1/webapp/oauth/{proxy+}"), Http("/v2/webapp/oauth/{proxy+}")),
    needs=frozenset({Need.DATABASE, Need.CACHE, Need.SIGNING_KEY, Need.VAULT, Need.OUTBOX}),
    extras=frozenset({"cache", "database", "identity", "oauth", "web"}),
    memory_mb=512,
    bundle_mib=70,
)
