"""What the local runner is told, by environment variables."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from infra_cdk.local.processes import StartError
from infra_cdk.registry import ROOT

DEFAULT_PORT = 8000

SECRET_OF_PROVIDER = "switchyard/local/openid/{}"  # noqa: S105  # the secret's name, not the secret

_HIGHEST_PORT = 65535
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_REDIS_SCHEMES = frozenset({"redis", "rediss"})


@dataclass(frozen=True, kw_only=True)
class OpenIdProviders:
    """Outside providers: `text` as the functions get it, and their secrets by the names that stand in it."""

    text: str = "[]"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to run.

    `place` is the directory of the state (`SWITCHYARD_STATE`), `port` that of the API (`PORT`).
    `database_url` and `redis_url` are servers that run already (`DATABASE_URL`, `REDIS_URL`); None
    stands for one of the runner's own. `openid_providers` are those by whom users sign in
    (`OPENID_PROVIDERS`): as on AWS, but with `client_secret` itself for `secret_id`.
    """

    place: Path = ROOT / ".local"
    port: int = DEFAULT_PORT
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    log_level: str = "INFO"
    openid_providers: OpenIdProviders = field(default_factory=OpenIdProviders)


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
        openid_providers=_openid_providers(given.get("OPENID_PROVIDERS", "")),
    )


def _openid_providers(text: str) -> OpenIdProviders:
    if not text:
        return OpenIdProviders()
    from shared.config.federation import FederationSettings

    try:
        declared = [dict(each) for each in json.loads(text)]
        secrets = {
            SECRET_OF_PROVIDER.format(each["id"]): str(each["client_secret"])
            for each in declared
            if "client_secret" in each
        }
        for each in declared:
            if each.pop("client_secret", None):
                each["secret_id"] = SECRET_OF_PROVIDER.format(each["id"])
        FederationSettings.model_validate({"openid_providers": declared})
    except (ValueError, TypeError, KeyError) as error:
        # Where and which rule, but not what was given: that may be the secret.
        raise StartError(f"OPENID_PROVIDERS is not understood: {_cause(error)}") from None
    return OpenIdProviders(text=json.dumps(declared), secrets=secrets)


def _cause(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return "it is a JSON array of providers"
    return "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
        for each in error.errors(include_input=False)
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
