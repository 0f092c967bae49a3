"""The partner surface: what other companies' servers call, with an API key."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="partner",
    triggers=(
        Http("/v1/partner/{proxy+}", api_key=True),
        Http("/v2/partner/{proxy+}", api_key=True),
    ),
    needs=frozenset({Need.DATABASE, Need.VAULT, Need.OUTBOX}),
    extras=frozenset({"web", "database", "cache", "identity"}),
    memory_mb=1024,
    bundle_mib=63,
)
