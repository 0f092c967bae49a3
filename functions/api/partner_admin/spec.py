"""Partners and their keys: for operators, for partners' admins, and what is left of a key's quota.

All that asks the gateway's control plane is here, so that what partners' servers call may not.
"""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http

SPEC = Function(
    name="partner-admin",
    triggers=(
        Http("/v1/infrastructure/partners"),
        Http("/v1/infrastructure/partners/{proxy+}"),
        Http("/v2/infrastructure/partners"),
        Http("/v2/infrastructure/partners/{proxy+}"),
        Http("/v1/webapp/partners"),
        Http("/v1/webapp/partners/{proxy+}"),
        Http("/v2/webapp/partners"),
        Http("/v2/webapp/partners/{proxy+}"),
        Http("/v1/partner/usage", api_key=True),
        Http("/v2/partner/usage", api_key=True),
    ),
    needs=frozenset({Need.DATABASE, Need.SIGNING_KEY, Need.VAULT, Need.GATEWAY_KEYS}),
    extras=frozenset({"web", "database", "cache", "identity"}),
    bundle_mib=63,
)
