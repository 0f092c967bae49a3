"""The local Data API refuses what AWS's refuses, in AWS's words, and keeps no session."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from infra_cdk.local.data_api.errors import DataAPIError
from infra_cdk.local.data_api.service import IDLE_S, DataAPI
from infra_cdk.local.postgres import Postgres

ARNS = {"resourceArn": "arn:aws:rds:a", "secretArn": "arn:aws:secretsmanager:a"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(postgres: Postgres, database_name: str, clock: Clock) -> Iterator[DataAPI]:
    with psycopg.connect(postgres.dsn(database_name), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS things")
        connection.execute(
            "CREATE TABLE things (id int PRIMARY KEY, CONSTRAINT small CHECK (id < 9))"
        )
    service = DataAPI(postgres.dsn(database_name), clock=clock)
    yield service
    service.close()


def send(service: DataAPI, operation: str, **request: Any) -> dict[str, Any]:
    return service.handle(f"/{operation}", json.dumps({**ARNS, **request}).encode())


def execute(service: DataAPI, sql: str, **request: Any) -> dict[str, Any]:
    return send(service, "Execute", sql=sql, includeResultMetadata=True, **request)


def begin(service: DataAPI) -> str:
    identifier: str = send(service, "BeginTransaction")["transactionId"]
    return identifier


def count(service: DataAPI) -> int:
    number: int = execute(service, "SELECT count(*) FROM things")["records"][0][0]["longValue"]
    return number


def refusal(service: DataAPI, sql: str, **request: Any) -> DataAPIError:
    with pytest.raises(DataAPIError) as caught:
        execute(service, sql, **request)
    return caught.value


class TestErrors:
    def test_a_violation_says_its_constraint_and_ends_with_its_sqlstate(
        self, service: DataAPI
    ) -> None:
        execute(service, "INSERT INTO things VALUES (1)")
        error = refusal(service, "INSERT INTO things VALUES (1)")
        assert (error.code, error.status) == ("DatabaseErrorException", 400)
        assert str(error) == (
            'ERROR: duplicate key value violates unique constraint "things_pkey"; '
            "Detail: Key (id)=(1) already exists.; SQLState: 23505"
        )

    def test_a_wrong_statement_says_where(self, service: DataAPI) -> None:
        error = refusal(service, "SELECT nothing")
        assert str(error) == 'ERROR: column "nothing" does not exist; Position: 8; SQLState: 42703'

    def test_several_statements_are_refused(self, service: DataAPI) -> None:
        error = refusal(service, "INSERT INTO things VALUES (1); SELECT 1")
        assert (error.code, str(error)) == (
            "ValidationException",
            "Multistatements aren't supported.",
        )
        assert count(service) == 0

    def test_an_array_is_no_parameter(self, service: DataAPI) -> None:
        parameter = {"name": "a", "value": {"arrayValue": {"longValues": [1]}}}
        error = refusal(service, "SELECT :a", parameters=[parameter])
        assert (error.code, str(error)) == (
            "BadRequestException",
            "Array parameters are not supported.",
        )

    def test_a_parameter_that_is_not_given_is_named(self, service: DataAPI) -> None:
        assert str(refusal(service, "SELECT :a")) == "Cannot find parameter: a"

    def test_a_schema_is_refused(self, service: DataAPI) -> None:
        assert refusal(service, "SELECT 1", schema="s").code == "ValidationException"

    @pytest.mark.parametrize("name", ["resourceArn", "secretArn"])
    def test_an_arn_is_needed(self, service: DataAPI, name: str) -> None:
        assert name in str(refusal(service, "SELECT 1", **{name: "local"}))

    def test_an_unknown_operation_is_not_found(self, service: DataAPI) -> None:
        with pytest.raises(DataAPIError) as caught:
            send(service, "ExecuteSql", sql="SELECT 1")
        assert caught.value.status == 404

    def test_a_paused_cluster_is_resuming(self, service: DataAPI) -> None:
        service.resuming = True
        assert refusal(service, "SELECT 1").code == "DatabaseResumingException"

    def test_a_server_that_is_gone_is_unavailable(self, postgres: Postgres) -> None:
        service = DataAPI("postgresql://app@127.0.0.1:1/none?connect_timeout=1")
        error = refusal(service, "SELECT 1")
        assert (error.code, error.status) == ("DatabaseUnavailableException", 504)


class TestResults:
    @pytest.mark.parametrize(
        ("expression", "name"),
        [
            ("'a'::\"char\"", "CHAR"),
            ("'int'::regtype", "REGTYPE"),
            ("1::oid", "OID"),
            ("'1 day'::interval", "INTERVAL"),
            ("'10:00+02'::timetz", "TIMETZ"),
            ("1::money", "MONEY"),
            ("'1 2'::int2vector", "INT2VECTOR"),
            ("'(1,2)'::point", "POINT"),
            ("int4range(1, 2)", "INT4RANGE"),
            ("ARRAY['1 day'::interval]", "INTERVAL"),
            ("NULL::interval", "INTERVAL"),
        ],
    )
    def test_a_type_that_aws_does_not_return_is_refused(
        self, service: DataAPI, expression: str, name: str
    ) -> None:
        error = refusal(service, f"SELECT {expression}")
        assert error.code == "UnsupportedResultException"
        assert str(error) == f"The result contains the unsupported data type {name}."

    def test_an_array_of_two_dimensions_is_refused(self, service: DataAPI) -> None:
        error = refusal(service, "SELECT ARRAY[[1], [2]]")
        assert error.code == "UnsupportedResultException"

    @pytest.mark.parametrize(
        ("expression", "field"),
        [
            ("NULL::int", {"isNull": True}),
            ("true", {"booleanValue": True}),
            ("7::smallint", {"longValue": 7}),
            ("0.5::float8", {"doubleValue": 0.5}),
            ("'Infinity'::float8", {"stringValue": "Infinity"}),
            ("1.50::numeric", {"stringValue": "1.50"}),
            ("'\\x00ff'::bytea", {"blobValue": "AP8="}),
            (
                "'2026-11-24 10:00:00.123456+02'::timestamptz",
                {"stringValue": "2026-11-24 08:00:00.123456"},
            ),
            ("ARRAY[1, NULL]", {"arrayValue": {"longValues": [1, None]}}),
            ("ARRAY['a,\"b\\c', 'NULL']", {"arrayValue": {"stringValues": ['a,"b\\c', "NULL"]}}),
            ("'[0:1]={5,6}'::int[]", {"arrayValue": {"longValues": [5, 6]}}),
            ("'{}'::int[]", {"arrayValue": {"stringValues": []}}),
        ],
    )
    def test_a_value_is_a_field_of_its_kind(
        self, service: DataAPI, expression: str, field: dict[str, Any]
    ) -> None:
        assert execute(service, f"SELECT {expression}")["records"] == [[field]]

    def test_metadata_name_the_columns_and_their_types(self, service: DataAPI) -> None:
        (column,) = execute(service, "SELECT id AS key FROM things")["columnMetadata"]
        assert (column["label"], column["typeName"]) == ("key", "int4")


class TestLimits:
    def test_a_request_over_4_mib_is_refused(self, service: DataAPI) -> None:
        error = refusal(service, f"SELECT '{'x' * 4 * 1024 * 1024}'")
        assert error.code == "BadRequestException"

    def test_a_result_over_1_mib_is_refused(self, service: DataAPI) -> None:
        rows = "SELECT repeat('x', 60000) FROM generate_series(1, :n)"
        few, many = ({"name": "n", "value": {"longValue": n}} for n in (17, 18))
        assert len(execute(service, rows, parameters=[few])["records"]) == 17
        assert str(refusal(service, rows, parameters=[many])) == (
            "Database response exceeded size limit"
        )

    def test_a_row_over_64_kib_is_refused(self, service: DataAPI) -> None:
        execute(service, "SELECT repeat('x', 65536)")
        assert "64 KB" in str(refusal(service, "SELECT repeat('x', 65537)"))


class TestTransactions:
    def test_what_is_committed_stays_and_what_is_rolled_back_goes(self, service: DataAPI) -> None:
        kept, undone = begin(service), begin(service)
        execute(service, "INSERT INTO things VALUES (1)", transactionId=kept)
        execute(service, "INSERT INTO things VALUES (2)", transactionId=undone)
        send(service, "CommitTransaction", transactionId=kept)
        send(service, "RollbackTransaction", transactionId=undone)
        assert count(service) == 1

    def test_one_without_a_call_for_three_minutes_is_rolled_back(
        self, service: DataAPI, clock: Clock
    ) -> None:
        identifier = begin(service)
        execute(service, "INSERT INTO things VALUES (1)", transactionId=identifier)
        clock.now = IDLE_S
        execute(service, "SELECT 1", transactionId=identifier)
        clock.now += IDLE_S + 1
        error = refusal(service, "SELECT 1", transactionId=identifier)
        assert (error.code, error.status) == ("TransactionNotFoundException", 404)
        assert str(error) == f"Transaction {identifier} is not found"
        assert count(service) == 0

    def test_it_ends_once(self, service: DataAPI) -> None:
        identifier = begin(service)
        send(service, "CommitTransaction", transactionId=identifier)
        with pytest.raises(DataAPIError, match="is not found"):
            send(service, "RollbackTransaction", transactionId=identifier)

    def test_one_that_failed_cannot_be_committed(self, service: DataAPI) -> None:
        identifier = begin(service)
        execute(service, "INSERT INTO things VALUES (1)", transactionId=identifier)
        refusal(service, "INSERT INTO things VALUES (1)", transactionId=identifier)
        with pytest.raises(DataAPIError, match="SQLState: 25P02"):
            send(service, "CommitTransaction", transactionId=identifier)
        assert count(service) == 0

    def test_a_second_call_at_the_same_time_is_refused(self, service: DataAPI) -> None:
        identifier, lock = begin(service), begin(service)
        execute(service, "SELECT pg_advisory_xact_lock(1) IS NULL", transactionId=lock)
        execute(service, "SELECT 1", transactionId=identifier)
        waiting = "SELECT pg_advisory_xact_lock(1) IS NULL"
        first = threading.Thread(
            target=execute, args=(service, waiting), kwargs={"transactionId": identifier}
        )
        first.start()
        until = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while execute(service, until)["records"] == [[{"longValue": 0}]]:
            pass
        error = refusal(service, "SELECT 1", transactionId=identifier)
        assert str(error) == "Transaction is still running a query"
        send(service, "RollbackTransaction", transactionId=lock)
        first.join()

    def test_closing_rolls_back_what_is_open(self, postgres: Postgres, service: DataAPI) -> None:
        identifier = begin(service)
        execute(service, "INSERT INTO things VALUES (1)", transactionId=identifier)
        service.close()
        assert count(service) == 0


class TestBatch:
    def sets(self, *numbers: int) -> list[list[dict[str, Any]]]:
        return [[{"name": "id", "value": {"longValue": number}}] for number in numbers]

    def test_each_set_is_run(self, service: DataAPI) -> None:
        sql = "INSERT INTO things VALUES (:id)"
        answer = send(service, "BatchExecute", sql=sql, parameterSets=self.sets(1, 2))
        assert answer == {"updateResults": [{"generatedFields": []}] * 2}
        assert count(service) == 2

    def test_one_that_fails_undoes_all(self, service: DataAPI) -> None:
        with pytest.raises(DataAPIError, match="23514"):
            sql = "INSERT INTO things VALUES (:id)"
            send(service, "BatchExecute", sql=sql, parameterSets=self.sets(1, 99))
        assert count(service) == 0


class TestSession:
    def test_a_setting_ends_with_its_call(self, service: DataAPI) -> None:
        execute(service, "SET search_path = pg_catalog")
        (record,) = execute(service, "SHOW search_path")["records"]
        assert record == [{"stringValue": '"$user", public'}]

    def test_a_temporary_table_ends_with_its_call(self, service: DataAPI) -> None:
        execute(service, "CREATE TEMPORARY TABLE passing (id int)")
        assert "42P01" in str(refusal(service, "SELECT * FROM passing"))
