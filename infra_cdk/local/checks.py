"""What is made sure of before anything is started: a free port, and servers that answer."""

import errno
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from infra_cdk.local.ports import held_port
from infra_cdk.local.processes import StartError

_TIMEOUT_S = 5


@contextmanager
def own_port(port: int) -> Iterator[None]:
    """Keep the port for the API. Raises StartError where the API cannot listen on it."""
    with ExitStack() as held:
        try:
            held.enter_context(held_port(port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another program listens on it" if taken else error.strerror
            raise StartError(
                f"port {port} cannot be used: {why}. Choose another one, like PORT=8080 make dev"
            ) from None
        yield


def check_database(url: str) -> None:
    """Connect to the PostgreSQL of `postgresql+psycopg://...` once.

    Raises StartError, naming the server but not its password, where that fails.
    """
    import psycopg

    try:
        psycopg.connect(
            url.replace("postgresql+psycopg://", "postgresql://", 1), connect_timeout=_TIMEOUT_S
        ).close()
    except psycopg.Error as error:
        raise _unreachable("DATABASE_URL", url=url, error=error) from None


def check_cache(url: str) -> None:
    """Ping the server of `redis://...` once. Raises StartError as `check_database` does."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S) as client:
            client.ping()
    except redis.RedisError as error:
        raise _unreachable("REDIS_URL", url=url, error=error) from None


def _unreachable(name: str, *, url: str, error: Exception) -> StartError:
    parts = urlsplit(url)
    server = (parts.netloc.rpartition("@")[2] or "localhost") + parts.path
    # libpq tells one line for each address that it tried; the last one's cause says enough.
    text = str(error)
    causes = re.findall(r".*failed: (.+)", text) or text.splitlines() or [type(error).__name__]
    cause = causes[-1].replace(parts.password, "***") if parts.password else causes[-1]
    return StartError(f"{name}: {server} does not answer: {cause}")
