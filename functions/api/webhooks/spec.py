"""Webhooks as their owners see them: users, partners, and operators for the installation's own."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="webhooks",
    triggers=(
        Http("/v1/webapp/webhooks"),
        Http("/v1/webapp/webhooks/{proxy+}"),
        Http("/v2/webapp/webhooks"),
        Http("/v2/webapp/webhooks/{proxy+}"),
        Http("/v1/partner/webhooks", api_key=True),
        Http("/v1/partner/webhooks/{proxy+}", api_key=True),
        Http("/v2/partner/webhooks", api_key=True),
        Http("/v2/partner/webhooks/{proxy+}", api_key=True),
        Http("/v1/infrastructure/webhooks"),
        Http("/v1/infrastructure/webhooks/{proxy+}"),
        Http("/v2/infrastructure/webhooks"),
        Http("/v2/infrastructure/webhooks/{proxy+}"),
    ),
    needs=frozenset({Need.DATABASE, Need.SIGNING_KEY, Need.VAULT, Need.WEBHOOKS}),
    extras=frozenset({"web", "database", "cache", "identity", "outbound"}),
    bundle_mib=63,
)
