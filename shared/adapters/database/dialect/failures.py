"""The Data API's errors as DBAPI errors (PEP 249), chosen by their SQLSTATE class.

aurora-data-api recognises an error only when its text names a position, so a violated constraint
never becomes an IntegrityError there. Here every error is read the same way.
Source: PostgreSQL, "Appendix A. PostgreSQL Error Codes".
"""

import re

from aurora_data_api.exceptions import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from botocore.exceptions import ClientError

_SQLSTATE = re.compile(r"SQLState:\s*([0-9A-Z]{5})\s*$")

_BY_CLASS: dict[str, type[DatabaseError]] = {
    "08": OperationalError,
    "0A": NotSupportedError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "24": InternalError,
    "25": InternalError,
    "28": OperationalError,
    "2D": InternalError,
    "34": OperationalError,
    "38": InternalError,
    "3D": ProgrammingError,
    "3F": ProgrammingError,
    "40": OperationalError,
    "42": ProgrammingError,
    "44": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "XX": InternalError,
}

LOST_TRANSACTION = frozenset({"TransactionNotFoundException", "NotFoundException"})
"""Codes that say: the transaction is gone, and whatever it did is undone."""

RESUMING = "DatabaseResumingException"
"""The code of a cluster that paused at zero capacity and is waking up."""


def error_code(error: ClientError) -> str:
    """Return the AWS error code of a refused call."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translate(error: ClientError) -> DatabaseError:
    """Return the DBAPI error for a refused call, with `sqlstate` and AWS's `code` attached."""
    code = error_code(error)
    message = str(error.response.get("Error", {}).get("Message", error))
    found = _SQLSTATE.search(message)
    if found:
        translated = _BY_CLASS.get(found[1][:2], DatabaseError)(message)
    elif code == "UnsupportedResultException":
        translated = NotSupportedError(message)
    elif code in {"DatabaseErrorException", "BadRequestException"}:
        translated = DatabaseError(message)
    else:
        translated = OperationalError(f"{code}: {message}")
    translated.sqlstate = found[1] if found else None
    translated.code = code
    return translated
