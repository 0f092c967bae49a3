"""What a piece of work costs in calls, and that a transaction is open only while it is needed."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError, OperationalError

from infra_cdk.local.data_api.server import DataAPIServer
from infra_cdk.local.data_api.service import IDLE_S
from shared.adapters.database.engine import async_engine, sync_engine
from shared.adapters.database.sessions import autocommit, ping, sync_unit_of_work, unit_of_work
from shared.core.errors import ServiceUnavailableError

type Calls = Callable[[], AbstractContextManager[list[str]]]

ONE = text("SELECT 1")
INSERT = text("INSERT INTO numbers (n) VALUES (:n)")
BEGIN, EXECUTE, BATCH = "BeginTransaction", "Execute", "BatchExecute"
COMMIT, ROLLBACK = "CommitTransaction", "RollbackTransaction"

pytestmark = pytest.mark.parametrize("database_url", ["dataapi"], indirect=True)


@pytest.fixture(autouse=True)
def numbers(database_url: str) -> None:
    with sync_engine().begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS numbers"))
        connection.execute(text("CREATE TABLE numbers (n int)"))


def kept() -> list[int]:
    with sync_engine().connect() as connection:
        return list(connection.execute(text("SELECT n FROM numbers ORDER BY n")).scalars())


def run[T](work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class TestNumber:
    def test_the_first_query_of_an_engine_asks_nothing_else(self, data_api_calls: Calls) -> None:
        with data_api_calls() as calls, sync_engine().connect() as connection:
            connection.execute(ONE)
        assert calls == [BEGIN, EXECUTE, ROLLBACK]

    def test_a_read_is_one_call(self, data_api_calls: Calls) -> None:
        async def read() -> None:
            async with autocommit() as session:
                await session.execute(ONE)

        with data_api_calls() as calls:
            run(read())
        assert calls == [EXECUTE]

    def test_a_ping_is_one_call(self, data_api_calls: Calls) -> None:
        with data_api_calls() as calls:
            run(ping(timeout_s=5))
        assert calls == [EXECUTE]

    def test_a_unit_of_work_is_its_statements_and_two(self, data_api_calls: Calls) -> None:
        async def write() -> None:
            async with unit_of_work() as session:
                await session.execute(INSERT, {"n": 1})
                await session.execute(INSERT, {"n": 2})

        with data_api_calls() as calls:
            run(write())
        assert calls == [BEGIN, EXECUTE, EXECUTE, COMMIT]
        assert kept() == [1, 2]

    def test_a_synchronous_one_costs_the_same(self, data_api_calls: Calls) -> None:
        with data_api_calls() as calls, sync_unit_of_work() as session:
            session.execute(INSERT, {"n": 1})
        assert calls == [BEGIN, EXECUTE, COMMIT]

    def test_a_unit_of_work_without_a_statement_is_no_call(self, data_api_calls: Calls) -> None:
        async def nothing() -> None:
            async with unit_of_work():
                pass

        with data_api_calls() as calls:
            run(nothing())
        assert calls == []

    def test_many_rows_are_one_call(self, data_api_calls: Calls) -> None:
        with data_api_calls() as calls, sync_unit_of_work() as session:
            session.execute(INSERT, [{"n": n} for n in range(100)])
        assert calls == [BEGIN, BATCH, COMMIT]
        assert kept() == list(range(100))

    def test_another_isolation_level_is_one_call_more(self, data_api_calls: Calls) -> None:
        engine = sync_engine().execution_options(isolation_level="SERIALIZABLE")
        with data_api_calls() as calls, engine.connect() as connection:
            level = connection.execute(text("SHOW transaction_isolation")).scalar_one()
        assert level == "serializable"
        assert calls == [BEGIN, EXECUTE, EXECUTE, ROLLBACK]

    def test_no_pool_holds_what_costs_nothing_to_make(self) -> None:
        assert isinstance(sync_engine().pool, NullPool)
        assert isinstance(async_engine().pool, NullPool)


class TestLostTransaction:
    def lose(self, data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = data_api.service._clock
        monkeypatch.setattr(data_api.service, "_clock", lambda: clock() + IDLE_S + 1)

    def test_rolling_it_back_is_no_error(
        self, data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with sync_engine().connect() as connection:
            connection.execute(INSERT, {"n": 1})
            self.lose(data_api, monkeypatch)
            connection.rollback()
            connection.execute(ONE)
        assert kept() == []

    def test_committing_it_is_one(
        self, data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with (
            pytest.raises(OperationalError, match="TransactionNotFoundException"),
            sync_unit_of_work() as session,
        ):
            session.execute(INSERT, {"n": 1})
            self.lose(data_api, monkeypatch)
        assert kept() == []

    def test_a_statement_in_it_fails_and_the_next_work_succeeds(
        self, data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def write(*, lost: bool) -> None:
            async with unit_of_work() as session:
                await session.execute(INSERT, {"n": 1})
                if lost:
                    self.lose(data_api, monkeypatch)
                await session.execute(INSERT, {"n": 2})

        with pytest.raises(ServiceUnavailableError) as caught:
            run(write(lost=True))
        assert isinstance(caught.value.__cause__, DBAPIError)
        assert caught.value.__cause__.connection_invalidated
        assert kept() == []
        run(write(lost=False))
        assert kept() == [1, 2]


@dataclass
class Held:
    """The Data API, holding back each answer of one operation until `leave` is set."""

    entered: threading.Event
    leave: threading.Event


@pytest.fixture
def hold(data_api: DataAPIServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Held]:
    def held_back(operation: str) -> Held:
        held = Held(threading.Event(), threading.Event())
        handle = data_api.service.handle

        def slow(path: str, body: bytes) -> dict[str, Any]:
            answer = handle(path, body)
            if path == f"/{operation}":
                held.entered.set()
                held.leave.wait()
            return answer

        monkeypatch.setattr(data_api.service, "handle", slow)
        return held

    return held_back


class TestCancellation:
    @pytest.mark.parametrize(("operation", "rows"), [(BEGIN, 1), (EXECUTE, 1), (COMMIT, 2)])
    def test_in_the_middle_of_a_call_it_leaves_no_transaction(
        self, operation: str, rows: int, hold: Callable[[str], Held], data_api: DataAPIServer
    ) -> None:
        held = hold(operation)

        async def write() -> None:
            async with unit_of_work() as session:
                await session.execute(INSERT, {"n": 1})

        async def cancelled() -> None:
            task = asyncio.create_task(write())
            await asyncio.to_thread(held.entered.wait)
            task.cancel()
            asyncio.get_running_loop().call_soon(held.leave.set)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert data_api.service._transactions == {}
            await write()

        run(cancelled())
        assert kept() == [1] * rows

    def test_a_read_that_takes_too_long_is_not_waited_for(
        self, hold: Callable[[str], Held]
    ) -> None:
        held = hold(EXECUTE)

        async def impatient() -> None:
            with pytest.raises(TimeoutError):
                await ping(timeout_s=0.05)
            assert not held.leave.is_set()
            held.leave.set()
            await ping(timeout_s=5)

        run(impatient())
