"""What a failed statement broke, for both drivers."""

import re

from sqlalchemy.exc import DBAPIError, IntegrityError

_QUOTED_CONSTRAINT = re.compile(r'constraint "([^"]+)"')


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the violated constraint, or None where the error tells none."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        name: str | None = diagnostics.constraint_name
        return name
    found = _QUOTED_CONSTRAINT.search(str(error.orig))
    return found[1] if found else None


def is_too_large(error: DBAPIError) -> bool:
    """Tell whether a statement failed because its result passes the Data API's 1 MiB."""
    # AWS words it in two ways: "Database response exceeded size limit", "... the allowed response size
    # limit". An error of PostgreSQL itself has an SQLSTATE.
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate is None and "size limit" in str(error.orig)
