"""The PEP 249 module of the dialect: `connect` and the error classes."""

from functools import cache
from typing import Any

from aurora_data_api.exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004  # PEP 249's own name
)

from shared.adapters.database.dialect.connection import Connection

__all__ = [
    "Binary",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel = "2.0"
threadsafety = 1
paramstyle = "named"
Binary = bytes

_TIMEOUT_S = 45
"""Longest wait for one call, in seconds: the service ends a statement after 45 itself."""


@cache
def rds_data_client() -> Any:
    """Return the boto3 client of the process, made on first use."""
    import boto3
    from botocore.config import Config

    # botocore would send a statement again that may have run; the connection knows which may not.
    retries: Any = {"total_max_attempts": 1}
    settings = Config(read_timeout=_TIMEOUT_S, retries=retries, max_pool_connections=64)
    return boto3.client("rds-data", config=settings)


def connect(
    *,
    database: str,
    resource_arn: str,
    secret_arn: str,
    client: Any = None,
    connection_class: type[Connection] = Connection,
) -> Connection:
    """Return a connection; nothing is sent before its first statement."""
    return connection_class(
        client=client or rds_data_client(),
        database=database,
        cluster_arn=resource_arn,
        secret_arn=secret_arn,
    )
