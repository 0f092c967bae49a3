"""The infrastructure surface: what operators and load balancers call."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="infrastructure",
    triggers=(
        Http("/health"),
        Http("/ready"),
        Http("/v1/infrastructure/{proxy+}"),
        Http("/v2/infrastructure/{proxy+}"),
    ),
    needs=frozenset(
        {Need.DATABASE, Need.CACHE, Need.SIGNING_KEY, Need.VAULT, Need.QUEUES, Need.OUTBOX},
    ),
    extras=frozenset({"web", "database", "cache", "identity"}),
    bundle_mib=62,
)
