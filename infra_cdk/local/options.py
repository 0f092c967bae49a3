"""What the local runner is told, by environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from infra_cdk.local.processes import StartError
from infra_cdk.registry import ROOT

DEFAULT_PORT = 8000

_HIGHEST_PORT = 65535
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_REDIS_SCHEMES = frozenset({"redis", "rediss"})


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run.

    `place` is the directory of the state (`SWITCHYARD_STATE`), `port` that of the API (`PORT`).
    `database_url` and `redis_url` are servers that run already (`DATABASE_URL`, `REDIS_URL`); None
    stands for one of the runner's own.
    """

    place: Path = ROOT / ".local"
    port: int = DEFAULT_PORT
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    log_level: str = "INFO"


def read_options(environ: Mapping[str, str]) -> Options:
    """Read the options; an empty variable counts as absent.

    Raises StartError where one makes no sense. The message never shows an address: it may hold a
    password.
    """
    given = {name: value for name, value in environ.items() if value}
    return Options(
        place=Path(given.get("SWITCHYARD_STATE", ROOT / ".local")).absolute(),
        port=_port(given.get("PORT", str(DEFAULT_PORT))),
        database_url=_database_url(given.get("DATABASE_URL")),
        redis_url=_redis_url(given.get("REDIS_URL")),
        log_level=_log_level(given.get("LOG_LEVEL", "INFO")),
    )


def _log_level(text: str) -> str:
    if text in _LOG_LEVELS:
        return text
    raise StartError(f"LOG_LEVEL must be one of {', '.join(_LOG_LEVELS)}, not {text!r}")


def _port(text: str) -> int:
    # int() alone would also take "1_000", " 80" and the digits of other scripts.
    if re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= _HIGHEST_PORT:
        return int(text)
    raise StartError(f"PORT must be a number from 1 to {_HIGHEST_PORT}, not {text!r}")


def _database_url(text: str | None) -> str | None:
    if text is None:
        return None
    if not _is_address(text, schemes=_POSTGRES_SCHEMES):
        raise StartError("DATABASE_URL must look like postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return f"postgresql+psycopg://{text.partition('://')[2]}"


def _redis_url(text: str | None) -> str | None:
    if text is not None and not _is_address(text, schemes=_REDIS_SCHEMES):
        raise StartError(
            "REDIS_URL must look like redis://:PASSWORD@HOST:PORT/0 (rediss:// for TLS)"
        )
    return text


def _is_address(text: str, *, schemes: frozenset[str]) -> bool:
    try:
        parts = urlsplit(text)
        possible = "://" in text and parts.port != 0
    except ValueError:
        return False
    return possible and parts.scheme in schemes
