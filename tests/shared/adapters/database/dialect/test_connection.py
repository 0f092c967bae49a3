"""A call is made again where that is safe, and only there; what fails is a DBAPI error."""

from collections.abc import Callable
from typing import Any

import pytest
from aurora_data_api.exceptions import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError

from shared.adapters.database.dialect.connection import Connection
from shared.adapters.database.dialect.dbapi import connect
from shared.adapters.database.dialect.dialect import register
from shared.adapters.database.dialect.failures import translate

type Answer = dict[str, Any] | Exception

DONE: dict[str, Any] = {"numberOfRecordsUpdated": 1}
BEGUN = {"transactionId": "t"}
CLOSED = ConnectionClosedError(endpoint_url="https://rds-data")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://rds-data")
LATE = ReadTimeoutError(endpoint_url="https://rds-data")


class Client:
    """A client that gives the answers it was made with, in turn, and remembers the calls."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[str] = []

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**_: Any) -> dict[str, Any]:
            self.calls.append(operation)
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def refused(code: str, message: str = "m") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ExecuteStatement")


RESUMING = refused("DatabaseResumingException")


def connected(client: Client, *, autocommit: bool = False) -> Connection:
    connection = connect(database="d", resource_arn="arn:r", secret_arn="arn:s", client=client)
    connection.autocommit = autocommit
    return connection


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(Connection, "_sleep", lambda _, seconds: taken.append(seconds))
    return taken


class TestRepeated:
    def test_a_resuming_database_is_waited_for_ever_longer(self, pauses: list[float]) -> None:
        client = Client(*[RESUMING] * 5, BEGUN, DONE)
        connected(client).cursor().execute("INSERT")
        assert client.calls == ["begin_transaction"] * 6 + ["execute_statement"]
        assert len(pauses) == 5
        assert pauses[-1] > 4 * pauses[0]

    def test_one_that_resumes_too_slowly_is_an_operational_error(self, pauses: list[float]) -> None:
        connection = connected(Client(RESUMING))
        connection.resume_timeout_s = 0
        with pytest.raises(OperationalError, match="DatabaseResumingException"):
            connection.cursor().execute("SELECT")

    @pytest.mark.parametrize(
        "failure", [UNREACHABLE, refused("ServiceUnavailableError"), refused("ThrottlingException")]
    )
    def test_what_did_nothing_is_sent_again(self, failure: Exception, pauses: list[float]) -> None:
        client = Client(BEGUN, failure, DONE)
        connected(client).cursor().execute("INSERT")
        assert client.calls == ["begin_transaction"] + ["execute_statement"] * 2

    def test_a_connection_that_had_died_while_idle_is_replaced(self, pauses: list[float]) -> None:
        client = Client(CLOSED, BEGUN, DONE)
        connected(client).cursor().execute("INSERT")
        reading = Client(CLOSED, DONE)
        connected(reading, autocommit=True).cursor().execute("SELECT")
        assert client.answers == reading.answers == []


class TestNotRepeated:
    @pytest.mark.parametrize("failure", [CLOSED, LATE, refused("InternalServerErrorException")])
    def test_a_statement_that_may_have_run(self, failure: Exception, pauses: list[float]) -> None:
        client = Client(BEGUN, failure, DONE)
        with pytest.raises(OperationalError):
            connected(client).cursor().execute("INSERT")
        assert client.answers == [DONE]

    def test_a_commit_that_may_have_happened(self, pauses: list[float]) -> None:
        client = Client(BEGUN, DONE, CLOSED, DONE)
        connection = connected(client)
        connection.cursor().execute("INSERT")
        with pytest.raises(OperationalError):
            connection.commit()
        assert client.answers == [DONE]


class TestTranslated:
    @pytest.mark.parametrize(
        ("sqlstate", "expected"),
        [
            ("23505", IntegrityError),
            ("23503", IntegrityError),
            ("23502", IntegrityError),
            ("23514", IntegrityError),
            ("22003", DataError),
            ("22P02", DataError),
            ("42601", ProgrammingError),
            ("42P01", ProgrammingError),
            ("40001", OperationalError),
            ("57014", OperationalError),
            ("0A000", NotSupportedError),
        ],
    )
    def test_by_the_class_of_its_sqlstate(self, sqlstate: str, expected: type[Exception]) -> None:
        failure = refused("DatabaseErrorException", f"ERROR: x; SQLState: {sqlstate}")
        error = translate(failure)
        assert type(error) is expected
        assert vars(error)["sqlstate"] == sqlstate

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("BadRequestException", DatabaseError),
            ("ValidationException", ProgrammingError),
            ("UnsupportedResultException", NotSupportedError),
            ("StatementTimeoutException", OperationalError),
            ("AccessDeniedException", OperationalError),
        ],
    )
    def test_by_its_code_where_it_has_no_sqlstate(
        self, code: str, expected: type[Exception]
    ) -> None:
        error = translate(refused(code))
        assert type(error) is expected
        assert vars(error) == {"sqlstate": None, "code": code}

    def test_a_call_without_an_answer_is_an_operational_error(self) -> None:
        assert type(translate(LATE)) is OperationalError

    def test_a_state_in_the_middle_of_a_value_is_not_the_errors(self) -> None:
        message = "ERROR: duplicate; Detail: Key (a)=(SQLState: 22000) exists.; SQLState: 23505"
        assert type(translate(refused("DatabaseErrorException", message))) is IntegrityError


class TestUrl:
    @pytest.mark.parametrize("missing", ["database", "resource_arn", "secret_arn"])
    def test_what_is_missing_is_named(self, missing: str) -> None:
        register()
        parts = {"database": "d", "resource_arn": "arn:r", "secret_arn": "arn:s", missing: ""}
        database = parts.pop("database")
        query = "&".join(f"{name}={value}" for name, value in parts.items())
        with pytest.raises(ArgumentError, match=f"the URL lacks {missing}"):
            create_engine(f"postgresql+dataapi:///{database}?{query}")
