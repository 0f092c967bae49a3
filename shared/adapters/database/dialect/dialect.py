"""The dialect `postgresql+dataapi`: one URL, for create_engine and create_async_engine alike.

`postgresql+dataapi:///NAME?resource_arn=ARN&secret_arn=ARN`
"""

import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from sqlalchemy import URL, pool, util
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import ArgumentError

from shared.adapters.database.dialect.types import COLSPECS

_DEFAULT_ISOLATION: Final = "READ COMMITTED"
_NOT_IN_A_NAME = re.compile(r"^[0-9]|[^A-Za-z0-9_]")


class DataAPICompiler(PGCompiler):
    """Compiles with parameter names that the Data API reads: ASCII letters, digits, underscores."""

    def bindparam_string(self, name: str, *arguments: Any, **options: Any) -> str:
        """Return a parameter as it stands in the SQL."""
        plain = _NOT_IN_A_NAME.sub(lambda found: f"_{ord(found[0]):x}_", name)
        if plain != name:
            options["escaped_from"] = name
        return super().bindparam_string(plain, *arguments, **options)


class DataAPIDialect(PGDialect):
    """PostgreSQL through the RDS Data API, synchronous."""

    driver = "dataapi"
    statement_compiler = DataAPICompiler
    default_paramstyle = "named"
    supports_statement_cache = True
    supports_server_side_cursors = False
    supports_sane_multi_rowcount = False
    supports_native_uuid = True
    colspecs = util.update_copy(PGDialect.colspecs, COLSPECS)

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """Return the PEP 249 module."""
        from shared.adapters.database.dialect import dbapi

        return dbapi

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type["DataAPIDialect"]:  # noqa: ARG003
        """Return the class that create_async_engine uses for the same URL."""
        return AsyncDataAPIDialect

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:  # noqa: ARG003
        """Choose no pool: a connection is an object, not a socket."""
        return pool.NullPool

    def create_connect_args(self, url: URL) -> tuple[Sequence[str], dict[str, Any]]:
        """Read the database and the ARNs. Raises ArgumentError naming what is missing."""
        arguments = {"database": url.database, **url.query}
        missing = [n for n in ("database", "resource_arn", "secret_arn") if not arguments.get(n)]
        if missing:
            raise ArgumentError(f"postgresql+dataapi: the URL lacks {', '.join(missing)}")
        return [], arguments

    def initialize(self, connection: object) -> None:  # noqa: ARG002
        """Assume what PGDialect would ask the server for: each question is a round trip."""
        self.server_version_info = (16, 0)
        self.default_schema_name = "public"
        self.default_isolation_level = _DEFAULT_ISOLATION
        self._backslash_escapes = False

    def get_isolation_level_values(self, dbapi_connection: object) -> Sequence[IsolationLevel]:  # noqa: ARG002
        """Return the levels that a connection may be set to."""
        return ("AUTOCOMMIT", _DEFAULT_ISOLATION, "REPEATABLE READ", "SERIALIZABLE")

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Set the level of the next transaction; AUTOCOMMIT makes each statement its own."""
        dbapi_connection.autocommit = level == "AUTOCOMMIT"
        explicit = level not in {"AUTOCOMMIT", _DEFAULT_ISOLATION}
        dbapi_connection.isolation_level = level if explicit else None

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Return the level of the next transaction."""
        if dbapi_connection.autocommit:
            return "AUTOCOMMIT"
        return dbapi_connection.isolation_level or _DEFAULT_ISOLATION

    def reset_isolation_level(self, dbapi_connection: Any) -> None:
        """Return to READ COMMITTED."""
        self.set_isolation_level(dbapi_connection, _DEFAULT_ISOLATION)

    def detect_autocommit_setting(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is in autocommit."""
        return bool(dbapi_connection.autocommit)

    def do_ping(self, dbapi_connection: object) -> bool:  # noqa: ARG002
        """Hold a connection alive: there is no socket that could have died."""
        return True

    def is_disconnect(self, e: Exception, connection: object, cursor: object) -> bool:  # noqa: ARG002
        """Tell whether the error ended the transaction on the service's side."""
        return getattr(e, "code", None) in {
            "TransactionNotFoundException",
            "DatabaseUnavailableException",
        }


class _AsyncModule:
    """The PEP 249 module with the asynchronous connection in `connect`."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def connect(self, **arguments: Any) -> Any:
        from shared.adapters.database.dialect.asynchronous import AsyncConnection

        connect: Callable[..., Any] = self._module.connect
        return connect(connection_class=AsyncConnection, **arguments)


class AsyncDataAPIDialect(DataAPIDialect):
    """PostgreSQL through the RDS Data API, asynchronous."""

    is_async = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return the PEP 249 module, asynchronous."""
        return _AsyncModule(super().import_dbapi())

    def get_driver_connection(self, connection: Any) -> Any:
        """Return the connection itself: there is no driver below it."""
        return connection


def register() -> None:
    """Make the URL known to SQLAlchemy. A bundle carries no entry point that could."""
    registry.register("postgresql.dataapi", __name__, "DataAPIDialect")
