"""The pages: OpenAPI documents, Swagger UI, ReDoc and the webhooks' portal, all prebuilt and self-hosted."""

from shared.manifest.function import Function
from shared.manifest.triggers import Http

SPEC = Function(
    name="docs",
    triggers=(
        Http("/docs"),
        Http("/docs/{proxy+}"),
        Http("/redoc"),
        Http("/portal"),
        Http("/portal/{proxy+}"),
        Http("/openapi.json"),
        Http("/v1/openapi.json"),
        Http("/v2/openapi.json"),
    ),
    extras=frozenset({"web"}),
    bundle_mib=29,
)
