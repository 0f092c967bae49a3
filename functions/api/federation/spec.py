"""Signing in by outside providers, and the links to them that users have."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="federation",
    triggers=(
        # Not below /login: that would make it a resource without a method, which is not sure to reach {proxy+}.
        Http("/v1/webapp/external-login"),
        Http("/v1/webapp/external-login/{proxy+}"),
        Http("/v2/webapp/external-login"),
        Http("/v2/webapp/external-login/{proxy+}"),
    ),
    needs=frozenset(
        {Need.DATABASE, Need.SIGNING_KEY, Need.VAULT, Need.OUTBOX, Need.OPENID_PROVIDERS}
    ),
    extras=frozenset({"cache", "database", "federation", "identity", "mfa", "web"}),
    memory_mb=1024,
    bundle_mib=68,
)
