"""DBAPI connection and cursor on the Data API, built on aurora-data-api.

Kept from it: how a call's arguments are made, parameter sets, paging of input, fetching, the error
hierarchy. Overridden, because it loses data or round trips there: values, errors, the moment a
transaction begins, autocommit, a resuming database.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aurora_data_api import AuroraDataAPIClient, AuroraDataAPICursor
from aurora_data_api.exceptions import OperationalError
from botocore.exceptions import BotoCoreError, ClientError

from shared.adapters.database.dialect.failures import (
    LOST_TRANSACTION,
    RESUMING,
    Failure,
    error_code,
    may_repeat,
    translate,
)
from shared.adapters.database.dialect.values import Field, from_field, to_parameter

RESUME_TIMEOUT_S = 25.0
"""How long a statement waits for a paused cluster, in seconds; below the gateway's 29."""

_PATIENCE_S = 2.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 4.0


class Connection(AuroraDataAPIClient):  # type: ignore[misc]  # the library ships no types
    """A DBAPI connection: a transaction id at most, begun by the first statement that needs one."""

    def __init__(self, *, client: Any, database: str, cluster_arn: str, secret_arn: str) -> None:
        super().__init__(
            dbname=database,
            aurora_cluster_arn=cluster_arn,
            secret_arn=secret_arn,
            rds_data_client=client,
        )
        self._transaction_id: str | None = None
        self.autocommit = False
        self.isolation_level: str | None = None
        self.resume_timeout_s = RESUME_TIMEOUT_S

    def cursor(self) -> "Cursor":
        """Return a new cursor. No call is made before its first statement."""
        return Cursor(self)

    def commit(self) -> None:
        """Commit the transaction, if one began. Raises a DBAPI error where that failed."""
        self._finish("commit_transaction")

    def rollback(self) -> None:
        """Roll the transaction back, if one began; one that the service lost is rolled back."""
        try:
            self._finish("rollback_transaction")
        except OperationalError as error:
            if getattr(error, "code", None) not in LOST_TRANSACTION:
                raise

    def close(self) -> None:
        """Give up the connection: an open transaction is rolled back."""
        self.rollback()

    def transaction(self) -> dict[str, str]:
        """Return the argument that puts a statement into the transaction, begun when needed."""
        if self.autocommit:
            return {}
        if self._transaction_id is None:
            begun = self.call("begin_transaction", database=self._dbname)
            self._transaction_id = begun["transactionId"]
            self._set_isolation_level()
        return {"transactionId": self._transaction_id}

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Make one call, again where that is safe; a resuming database is waited for.

        Raises a DBAPI error.
        """
        started, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                return self._send(operation, {**self._address, **arguments})
            except (ClientError, BotoCoreError) as failure:
                patience = self.resume_timeout_s if error_code(failure) == RESUMING else _PATIENCE_S
                in_time = time.monotonic() - started + pause < patience
                if not (
                    in_time and may_repeat(failure, in_transaction="transactionId" in arguments)
                ):
                    self._forget_lost_transaction(failure)
                    raise translate(failure) from failure
            self._sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311  # jitter, no secret
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    @property
    def _address(self) -> dict[str, str]:
        return {"resourceArn": self._aurora_cluster_arn, "secretArn": self._secret_arn}

    def _send(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._wait(getattr(self._client, operation), arguments)
        return answer

    def _wait(self, send: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> Any:
        return send(**arguments)

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _finish(self, operation: str) -> None:
        transaction, self._transaction_id = self._transaction_id, None
        if transaction is not None:
            self.call(operation, transactionId=transaction)

    def _set_isolation_level(self) -> None:
        if self.isolation_level:
            self.call(
                "execute_statement",
                database=self._dbname,
                sql=f"SET TRANSACTION ISOLATION LEVEL {self.isolation_level}",
                transactionId=self._transaction_id,
            )

    def _forget_lost_transaction(self, failure: Failure) -> None:
        if error_code(failure) in LOST_TRANSACTION:
            self._transaction_id = None


class Cursor(AuroraDataAPICursor):  # type: ignore[misc]  # the library ships no types
    """A DBAPI cursor: one call for each statement, its whole result in memory."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            dbname=connection._dbname,  # noqa: SLF001  # the pair is one unit
            aurora_cluster_arn=connection._aurora_cluster_arn,  # noqa: SLF001
            secret_arn=connection._secret_arn,  # noqa: SLF001
        )
        self.arraysize = 1
        self.description: list[tuple[Any, ...]] | None = None
        self._connection = connection
        self._iterator = iter(())

    def execute(self, operation: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run one statement and hold its rows. Raises a DBAPI error."""
        self.description = None
        arguments = dict(self._prepare_execute_args(operation), includeResultMetadata=True)
        if parameters:
            arguments["parameters"] = self._format_parameter_set(parameters)
        response = self._connection.call("execute_statement", **arguments)
        if response.get("columnMetadata"):
            self._set_description(response["columnMetadata"])
        self._current_response = self._render_response(response)
        self._iterator = iter(self._current_response.get("records", ()))

    def executemany(
        self, operation: str, seq_of_parameters: Sequence[Mapping[str, object]]
    ) -> None:
        """Run one statement with many parameter sets, 1,000 a call. Raises a DBAPI error."""
        self.description = None
        self._current_response = None
        self._iterator = iter(())
        for page in self._page_input(seq_of_parameters):
            sets = [self._format_parameter_set(each) for each in page]
            arguments = self._prepare_execute_args(operation)
            self._connection.call("batch_execute_statement", parameterSets=sets, **arguments)

    def prepare_param(self, param_name: str, param_value: object) -> dict[str, Any]:
        """Return one parameter as the Data API wants it."""
        return to_parameter(param_name, param_value)

    def _prepare_execute_args(self, operation: str) -> dict[str, Any]:
        transaction = self._connection.transaction()
        return {"database": self._dbname, "sql": operation, **transaction}

    def _set_description(self, column_metadata: Sequence[Mapping[str, Any]]) -> None:
        # A label is what the statement calls the column (AS); the type name chooses the conversion.
        self.description = [
            (each.get("label") or each["name"], each["typeName"].lower(), *(None,) * 5)
            for each in column_metadata
        ]

    def _render_value(self, value: Field, col_desc: Sequence[Any] | None = None) -> object:
        return from_field(value, col_desc[1] if col_desc else "text")

    def close(self) -> None:
        """Drop the rows."""
        self._iterator = iter(())
        self._current_response = None
