"""The webapp surface: what a browser application calls."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="webapp",
    triggers=(
        Http("/v1/webapp/{proxy+}"),
        Http("/v2/webapp/{proxy+}"),
        # Other functions serve paths below it: API Gateway would find there no method, and not look further.
        Http("/v1/webapp/login"),
        Http("/v2/webapp/login"),
    ),
    needs=frozenset(
        {Need.DATABASE, Need.CACHE, Need.SIGNING_KEY, Need.VAULT, Need.OUTBOX, Need.FILES}
    ),
    extras=frozenset({"cache", "database", "identity", "mfa", "web"}),
    memory_mb=1024,
    bundle_mib=67,
)
