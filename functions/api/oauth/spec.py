"""What others need to know to trust this service's tokens."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="oauth",
    triggers=(Http("/.well-known/{proxy+}"),),
    needs=frozenset({Need.SIGNING_KEY}),
    extras=frozenset({"web", "identity"}),
    memory_mb=512,
    bundle_mib=50,
)
