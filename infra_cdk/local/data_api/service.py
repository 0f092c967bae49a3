"""The operations of the RDS Data API over a PostgreSQL, with the limits that AWS documents.

Source: AWS, "Using the Amazon RDS Data API", its limitations and "RDS Data Service API reference".
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from infra_cdk.local.data_api.errors import (
    DataAPIError,
    bad_request,
    from_postgres,
    invalid,
    transaction_not_found,
)
from infra_cdk.local.data_api.sql import number_parameters
from infra_cdk.local.data_api.values import from_postgres as to_field
from infra_cdk.local.data_api.values import require_supported, split_array, to_postgres

RESULT_BYTES = 1024 * 1024
ROW_BYTES = 64 * 1024
REQUEST_BYTES = 4 * 1024 * 1024
IDLE_S = 180.0
"""A transaction that gets no call for so long, in seconds, is rolled back."""

_TYPE = b"""
select t.typname, t.typtype, t.typelem, e.typname, e.typtype
from pg_type t left join pg_type e on e.oid = t.typelem and e.typarray = t.oid
where t.oid = $1
"""

type Request = Mapping[str, Any]
type Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class _Type:
    oid: int
    name: str
    element: int | None


@dataclass
class _Transaction:
    connection: Connection
    database: str
    used: float
    lock: threading.Lock = field(default_factory=threading.Lock)


class DataAPI:
    """One cluster's Data API. Safe for threads; `clock` is monotonic, in seconds."""

    def __init__(self, dsn: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.resuming = False
        self._dsn = dsn
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: dict[str, list[Connection]] = {}
        self._transactions: dict[str, _Transaction] = {}
        self._types: dict[tuple[str, int], _Type] = {}
        self._operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            "/Execute": self._execute,
            "/BatchExecute": self._batch_execute,
            "/BeginTransaction": self._begin,
            "/CommitTransaction": lambda request: self._end(request, "COMMIT"),
            "/RollbackTransaction": lambda request: self._end(request, "ROLLBACK"),
        }

    def handle(self, path: str, body: bytes) -> dict[str, Any]:
        """Carry out one request. Raises DataAPIError."""
        operation = self._operations.get(path)
        if operation is None:
            raise DataAPIError("UnknownOperationException", f"No operation {path}", status=404)
        if len(body) > REQUEST_BYTES:
            raise bad_request("The request is larger than 4 MiB.")
        if self.resuming:
            raise DataAPIError("DatabaseResumingException", "The cluster is resuming.")
        request: Request = json.loads(body)
        for name in ("resourceArn", "secretArn"):
            if not str(request.get(name, "")).startswith("arn:"):
                raise bad_request(f"{name} is missing or no ARN")
        if "schema" in request:
            raise invalid("The schema parameter isn't supported")
        self._expire_idle_transactions()
        try:
            return operation(request)
        except psycopg.OperationalError as error:
            message = f"The database is not reachable: {error}"
            raise DataAPIError("DatabaseUnavailableException", message, status=504) from error

    def close(self) -> None:
        """Close every connection; open transactions are rolled back."""
        with self._lock:
            idle = [each for connections in self._idle.values() for each in connections]
            held = [each.connection for each in self._transactions.values()]
            self._idle.clear()
            self._transactions.clear()
        for connection in (*idle, *held):
            connection.close()

    def _execute(self, request: Request) -> dict[str, Any]:
        with self._connection_for(request) as connection:
            parameters = request.get("parameters") or []
            return self._run(connection, request, parameters)

    def _batch_execute(self, request: Request) -> dict[str, Any]:
        sets = request.get("parameterSets") or [[]]
        with self._connection_for(request, atomic=True) as connection:
            for parameters in sets:
                self._run(connection, request, parameters)
        return {"updateResults": [{"generatedFields": []} for _ in sets]}

    def _begin(self, request: Request) -> dict[str, Any]:
        database = request.get("database") or ""
        connection = self._take(database)
        connection.execute("BEGIN")
        identifier = secrets.token_urlsafe(48)
        with self._lock:
            held = _Transaction(connection, database, self._clock())
            self._transactions[identifier] = held
        return {"transactionId": identifier}

    def _end(self, request: Request, word: str) -> dict[str, Any]:
        identifier = request.get("transactionId") or ""
        held = self._transaction(identifier)
        with _exclusively(held):
            with self._lock:
                self._transactions.pop(identifier, None)
            failed = held.connection.info.transaction_status == pq.TransactionStatus.INERROR
            self._finish(held, word)
        if failed and word == "COMMIT":
            raise DataAPIError(
                "DatabaseErrorException",
                "Database error: the transaction had failed and is rolled back; SQLState: 25P02",
            )
        return {"transactionStatus": f"Transaction {word.title()}ted"}

    def _transaction(self, identifier: str) -> _Transaction:
        with self._lock:
            held = self._transactions.get(identifier)
        if held is None:
            raise transaction_not_found(identifier)
        return held

    def _finish(self, held: _Transaction, word: str) -> None:
        try:
            _command(held.connection, word)
        except BaseException:
            held.connection.close()
            raise
        self._give_back(held.database, held.connection)

    @contextmanager
    def _connection_for(self, request: Request, *, atomic: bool = False) -> Iterator[Connection]:
        identifier = request.get("transactionId")
        if identifier:
            held = self._transaction(identifier)
            with _exclusively(held):
                held.used = self._clock()
                yield held.connection
            return
        database = request.get("database") or ""
        connection = self._take(database)
        try:
            if atomic:
                connection.execute("BEGIN")
            yield connection
            if atomic:
                _command(connection, "COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            self._give_back(database, connection)
            raise
        self._give_back(database, connection)

    def _run(
        self, connection: Connection, request: Request, parameters: list[Mapping[str, Any]]
    ) -> dict[str, Any]:
        sql, names = number_parameters(request["sql"])
        given = {each["name"]: each for each in parameters}
        missing = next((name for name in names if name not in given), None)
        if missing is not None:
            raise bad_request(f"Cannot find parameter: {missing}")
        typed = [to_postgres(given[name]) for name in names]
        result = connection.pgconn.exec_params(
            sql.encode(), [text for _, text in typed], [oid for oid, _ in typed]
        )
        if result.status not in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
            self._refuse(connection, result)
        if result.nfields == 0:
            return {"numberOfRecordsUpdated": result.command_tuples or 0, "generatedFields": []}
        return self._rows(connection, result, request)

    def _refuse(self, connection: Connection, result: pq.abc.PGresult) -> None:
        if connection.pgconn.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
        raise from_postgres(psycopg.errors.error_from_result(result))

    def _rows(
        self, connection: Connection, result: pq.abc.PGresult, request: Request
    ) -> dict[str, Any]:
        columns = range(result.nfields)
        types = [self._type(connection, result.ftype(column)) for column in columns]
        records, size = [], 0
        for row in range(result.ntuples):
            texts = [result.get_value(row, column) for column in columns]
            size += _row_bytes(texts)
            if size > RESULT_BYTES:
                raise bad_request("Database response exceeded size limit")
            records.append([_field(t, type_) for t, type_ in zip(texts, types, strict=True)])
        answer: dict[str, Any] = {"records": records, "numberOfRecordsUpdated": 0}
        if request.get("includeResultMetadata"):
            names = [(result.fname(column) or b"").decode() for column in columns]
            answer["columnMetadata"] = [
                {"name": name, "label": name, "typeName": types[column].name, "nullable": 1}
                for column, name in enumerate(names)
            ]
        return answer

    def _type(self, connection: Connection, oid: int) -> _Type:
        key = (connection.info.dbname, oid)
        if key not in self._types:
            result = connection.pgconn.exec_params(_TYPE, [str(oid).encode()])
            values = [result.get_value(0, column) for column in range(5)]
            name, kind, element, element_name, element_kind = [(v or b"").decode() for v in values]
            if element_name:
                scalar, scalar_name, is_enum = int(element), element_name, element_kind == "e"
            else:
                scalar, scalar_name, is_enum = oid, name, kind == "e"
            require_supported(scalar, type_name=scalar_name, is_enum=is_enum)
            self._types[key] = _Type(oid, name, scalar if element_name else None)
        return self._types[key]

    def _take(self, database: str) -> Connection:
        with self._lock:
            idle = self._idle.setdefault(database, [])
            while idle:
                connection = idle.pop()
                if not connection.closed and not connection.broken:
                    return connection
        dsn = make_conninfo(self._dsn, dbname=database) if database else self._dsn
        options = "-c timezone=UTC -c datestyle=ISO,YMD"
        return psycopg.connect(dsn, autocommit=True, options=options, prepare_threshold=None)

    def _give_back(self, database: str, connection: Connection) -> None:
        # Session state must not travel from one caller to the next.
        try:
            connection.execute("DISCARD ALL")
        except psycopg.Error:
            connection.close()
            return
        with self._lock:
            self._idle.setdefault(database, []).append(connection)

    def _expire_idle_transactions(self) -> None:
        with self._lock:
            oldest = self._clock() - IDLE_S
            expired = [
                identifier
                for identifier, held in self._transactions.items()
                if held.used < oldest and not held.lock.locked()
            ]
            gone = [self._transactions.pop(identifier) for identifier in expired]
        for held in gone:
            self._finish(held, "ROLLBACK")


@contextmanager
def _exclusively(held: _Transaction) -> Iterator[None]:
    if not held.lock.acquire(blocking=False):
        raise DataAPIError("DatabaseErrorException", "Transaction is still running a query")
    try:
        yield
    finally:
        held.lock.release()


def _command(connection: Connection, word: str) -> None:
    try:
        connection.execute(word.encode())
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise from_postgres(error) from error


def _row_bytes(texts: list[bytes | None]) -> int:
    size = sum(len(text) for text in texts if text)
    if size > ROW_BYTES:
        message = "Database row size exceeded 64 KB limit; SQLState: 54000"
        raise DataAPIError("DatabaseErrorException", message)
    return size


def _field(text: bytes | None, type_: _Type) -> dict[str, Any]:
    if type_.element is None or text is None:
        return to_field(text, oid=type_.oid)
    fields = [
        to_field(None if each is None else each.encode(), oid=type_.element)
        for each in split_array(text.decode())
    ]
    kind = next((key for each in fields for key in each if key != "isNull"), "stringValue")
    return {"arrayValue": {f"{kind}s": [each.get(kind) for each in fields]}}
