"""Alembic's migrations, run on every deployment and by `make dev`."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Invoke

SPEC = Function(
    name="migrate",
    triggers=(Invoke(on_deploy=True),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"database", "migrate"}),
    timeout_s=840,
    bundle_mib=42,
)
