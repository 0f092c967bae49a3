"""Signing in by outside providers, and the links to them that users have."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="federation",
    triggers=(
        # Not below /login: a resource of the gateway that has no method hides what {proxy+} would serve there.
        Http("/v1/webapp/external-login"),
        Http("/v1/webapp/external-login/{proxy+}"),
        Http("/v2/webapp/external-login"),
        Http("/v2/webapp/external-login/{proxy+}"),
    ),
    needs=frozenset(
        {Need.DATABASE, Need.SIGNING_KEY, Need.VAULT, Need.OUTBOX, Need.OPENID_PROVIDERS}
    ),
    extras=frozenset({"web", "database", "cache", "identity", "federation"}),
    memory_mb=1024,
    bundle_mib=67,
)
