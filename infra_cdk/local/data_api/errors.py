"""The Data API's errors, with AWS's names and HTTP statuses."""

import psycopg


class DataAPIError(Exception):
    """An error answer: `code` is AWS's name of it, `status` the HTTP status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def bad_request(message: str) -> DataAPIError:
    """Return the error of a request that the service cannot carry out."""
    return DataAPIError("BadRequestException", message)


def invalid(message: str) -> DataAPIError:
    """Return the error of a request that the service does not read as one."""
    return DataAPIError("ValidationException", message)


def transaction_not_found(transaction: str) -> DataAPIError:
    """Return the error of an unknown, ended or expired transaction."""
    message = f"Transaction {transaction} is not found"
    return DataAPIError("TransactionNotFoundException", message, status=404)


def from_postgres(error: psycopg.Error) -> DataAPIError:
    """Return a server's error in the service's words, its SQLSTATE last."""
    diagnostics = error.diag
    if "cannot insert multiple commands" in str(error):
        return invalid("Multistatements aren't supported.")
    parts = [f"ERROR: {diagnostics.message_primary}"]
    if diagnostics.message_detail:
        parts.append(f"Detail: {diagnostics.message_detail}")
    if diagnostics.message_hint:
        parts.append(f"Hint: {diagnostics.message_hint}")
    if diagnostics.statement_position:
        parts.append(f"Position: {diagnostics.statement_position}")
    parts.append(f"SQLState: {error.sqlstate}")
    return DataAPIError("DatabaseErrorException", "; ".join(parts))
