"""Second factors: the rest of a login, and what users enrol. Apart from webapp, which starts without them."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="mfa",
    triggers=(
        Http("/v1/webapp/login/{proxy+}"),
        Http("/v2/webapp/login/{proxy+}"),
        Http("/v1/webapp/mfa/{proxy+}"),
        Http("/v2/webapp/mfa/{proxy+}"),
    ),
    needs=frozenset(
        {Need.DATABASE, Need.CACHE, Need.SIGNING_KEY, Need.VAULT, Need.OUTBOX, Need.PASSKEYS}
    ),
    extras=frozenset({"web", "database", "cache", "identity", "mfa"}),
    memory_mb=1024,
    bundle_mib=67,
)
