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
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
)

type Failure = ClientError | BotoCoreError

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

_BY_CODE: dict[str, type[DatabaseError]] = {
    "BadRequestException": DatabaseError,
    "DatabaseErrorException": DatabaseError,
    "UnsupportedResultException": NotSupportedError,
    "ValidationException": ProgrammingError,
}

LOST_TRANSACTION = frozenset({"TransactionNotFoundException", "NotFoundException"})
"""Codes that say: the transaction is gone, and whatever it did is undone."""

RESUMING = "DatabaseResumingException"
"""The code of a cluster that paused at zero capacity and is waking up."""

_DID_NOTHING = frozenset({RESUMING, "ServiceUnavailableError", "ThrottlingException"})


def error_code(failure: Failure) -> str:
    """Return the AWS error code of a failed call; empty where the call got no answer."""
    response = failure.response if isinstance(failure, ClientError) else {}
    return str(response.get("Error", {}).get("Code", ""))


def may_repeat(failure: Failure, *, in_transaction: bool) -> bool:
    """Tell whether the same call may be made again without doing something twice.

    A connection that closes before the answer leaves open whether the statement ran. Outside a
    transaction that is harmless, for there only reads and the begin of a transaction are sent; it is
    what a frozen Lambda environment finds when it thaws.
    """
    if isinstance(failure, ConnectionClosedError):
        return not in_transaction
    if isinstance(failure, EndpointConnectionError | ConnectTimeoutError):
        return True
    return error_code(failure) in _DID_NOTHING


def translate(failure: Failure) -> DatabaseError:
    """Return the DBAPI error for a failed call, with `sqlstate` and AWS's `code` attached."""
    code = error_code(failure)
    message = str(failure)
    if isinstance(failure, ClientError):
        message = str(failure.response.get("Error", {}).get("Message", failure))
    found = _SQLSTATE.search(message)
    if found:
        translated = _BY_CLASS.get(found[1][:2], DatabaseError)(message)
    elif code in _BY_CODE:
        translated = _BY_CODE[code](message)
    else:
        translated = OperationalError(f"{code}: {message}" if code else message)
    translated.sqlstate = found[1] if found else None
    translated.code = code
    return translated
