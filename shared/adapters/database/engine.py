"""The engines of the process, made on first use from `DATABASE_URL`."""

from functools import cache
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.adapters.database.dialect.dialect import register
from shared.config.database import DatabaseSettings, database_settings


@cache
def async_engine() -> AsyncEngine:
    """Return the asynchronous engine. Raises ValidationError where DATABASE_URL is not set."""
    url, options = _url_and_options(database_settings())
    engine = create_async_engine(url, **options)
    event.listen(engine.sync_engine, "handle_error", _explain_bad_text)
    return engine


@cache
def sync_engine() -> Engine:
    """Return the synchronous engine. Raises ValidationError where DATABASE_URL is not set."""
    url, options = _url_and_options(database_settings())
    engine = create_engine(url, **options)
    event.listen(engine, "handle_error", _explain_bad_text)
    return engine


async def dispose_engines() -> None:
    """Close the engines and forget them: for tests, and after a snapshot is restored."""
    if async_engine.cache_info().currsize:
        await async_engine().dispose()
    if sync_engine.cache_info().currsize:
        sync_engine().dispose()
    async_engine.cache_clear()
    sync_engine.cache_clear()


def _explain_bad_text(context: ExceptionContext) -> None:
    # psycopg meets a lone surrogate while it encodes, outside the errors of its DBAPI.
    if isinstance(context.original_exception, UnicodeEncodeError):
        original = context.original_exception
        raise DataError(
            context.statement, context.parameters, original, hide_parameters=True
        ) from original


def _url_and_options(settings: DatabaseSettings) -> tuple[URL, dict[str, Any]]:
    register()
    url = make_url(settings.database_url)
    if url.drivername == "postgresql+dataapi":
        return url, {"hide_parameters": True}
    milliseconds = int(settings.database_timeout_s * 1000)
    return url, {
        "hide_parameters": True,
        # A Lambda environment serves one request at a time: one connection, checked before use.
        "pool_size": 1,
        "max_overflow": 9,
        "pool_pre_ping": True,
        "pool_timeout": settings.database_timeout_s,
        "connect_args": {
            "connect_timeout": 5,
            "options": f"-c timezone=UTC -c statement_timeout={milliseconds}",
            # RDS Proxy pins a connection that prepares statements.
            "prepare_threshold": None,
        },
    }
