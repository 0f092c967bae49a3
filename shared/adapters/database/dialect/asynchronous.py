"""The same connection inside SQLAlchemy's greenlet: boto3 waits in a thread, the loop goes on."""

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any

from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util.concurrency import await_only

from shared.adapters.database.dialect.connection import Connection, Cursor

CONCURRENT_CALLS = 64
"""Calls that may wait at once; a statement may wait for a lock until another one's commit is sent."""


@cache
def _threads() -> ThreadPoolExecutor:
    # Not the loop's own: that has a few threads only, and waiting statements would keep the commit
    # that they wait for from being sent.
    return ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="data-api")


class AsyncConnection(AdaptedConnection, Connection):
    """A connection whose waiting suspends the running task."""

    def __init__(self, **arguments: Any) -> None:
        Connection.__init__(self, **arguments)
        self._connection = self

    def cursor(self, *_: Any, **__: Any) -> "AsyncCursor":
        """Return a new cursor; server-side cursors do not exist on the Data API."""
        return AsyncCursor(self)

    def _wait(self, send: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> Any:
        return await_only(self._in_thread(send, arguments))

    def _sleep(self, seconds: float) -> None:
        await_only(asyncio.sleep(seconds))

    async def _in_thread(
        self, send: Callable[..., dict[str, Any]], arguments: dict[str, Any]
    ) -> dict[str, Any]:
        context = contextvars.copy_context()
        call = asyncio.get_running_loop().run_in_executor(
            _threads(), lambda: context.run(send, **arguments)
        )
        # Nobody may be left to hear of a failure.
        call.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            if _concerns_transaction(arguments):
                # A call under way cannot be recalled. Its outcome is awaited, so that a transaction
                # is known and free, and can be rolled back when the connection closes.
                await asyncio.wait([call])
                with suppress(Exception):
                    self._transaction_id = call.result().get("transactionId", self._transaction_id)
            raise


def _concerns_transaction(arguments: Mapping[str, Any]) -> bool:
    # What has no statement begins a transaction or ends one.
    return "transactionId" in arguments or "sql" not in arguments


class AsyncCursor(Cursor):
    """A cursor with the attributes that SQLAlchemy's asynchronous adapters ask for."""

    server_side = False

    async def _async_soft_close(self) -> None:
        """Nothing to release: the rows are in memory."""
