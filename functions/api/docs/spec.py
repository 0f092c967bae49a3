"""The API's documentation: OpenAPI documents, Swagger UI and ReDoc, all prebuilt and self-hosted."""

from shared.manifest.function import Function
from shared.manifest.triggers import Http

SPEC = Function(
    name="docs",
    triggers=(
        Http("/docs"),
        Http("/docs/{proxy+}"),
        Http("/redoc"),
        Http("/openapi.json"),
        Http("/v1/openapi.json"),
        Http("/v2/openapi.json"),
    ),
    extras=frozenset({"web"}),
    bundle_mib=29,
)
