"""Who is an operator, said by whoever may invoke this function."""

from shared.manifest.function import Function, Need
from shared.manifest.triggers import Invoke

SPEC = Function(
    name="operators",
    triggers=(Invoke(),),
    needs=frozenset({Need.DATABASE}),
    extras=frozenset({"cache", "database", "identity"}),
    bundle_mib=59,
)
