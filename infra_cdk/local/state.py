"""What the local runner keeps between two runs: one directory, used by one runner at a time."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra_cdk.local.processes import StartError

_KEY_BYTES = 48
"""Sixty-four characters of base64."""

SIGNING_KEY = "signing-key"
"""The file that the keys of access tokens are in; `rotate-signing-key` replaces what it holds."""


API_GATEWAY = "api-gateway.sqlite"
"""The file that API Gateway's keys are in, and what was used of their plans."""


@dataclass(frozen=True)
class State:
    """The directory and what lies where in it."""

    place: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.place / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's data directory."""
        return self.place / "valkey"

    @property
    def logs(self) -> Path:
        """The logs of the newest run, a file for each server and one for all functions."""
        return self.place / "logs"

    def signing_key(self) -> str:
        """Return the secret that tokens are signed with: made on first use, 64 characters, then kept.

        A token of yesterday is still good today. Once keys were rotated it is a ring of them.
        """
        return self._secret(SIGNING_KEY)

    def vault_secret(self) -> str:
        """Return the secret of keyed digests and seals: made on first use, then the same for ever.

        64 characters.
        """
        return self._secret("vault-secret")

    def _secret(self, name: str) -> str:
        kept = self.place / name
        if not kept.exists():
            write_secret(kept, secrets.token_urlsafe(_KEY_BYTES))
        return kept.read_text()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory, made on first use. Raises StartError where another runner holds it.

        The kernel lets go of the lock with the process, however that ends.
        """
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.place / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(
                f"the state in {self.place} cannot be used: {error.strerror}"
            ) from error
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """Forget everything but the lock. Raises StartError while a runner runs on it."""
        if not self.place.is_dir():
            return
        with self.locked():
            for kept in self._kept():
                shutil.rmtree(kept) if kept.is_dir() else kept.unlink(missing_ok=True)

    def _kept(self) -> tuple[Path, ...]:
        # Named one by one: a wrong SWITCHYARD_STATE must not cost anybody's files.
        folders = ("postgres", "postgres.new", "valkey", "logs", "pycache")
        secrets = (SIGNING_KEY, "vault-secret")
        database = (API_GATEWAY, f"{API_GATEWAY}-journal")
        names = (*folders, *database, *secrets, *(f"{name}.new" for name in secrets))
        return tuple(self.place / name for name in names)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace") or "unknown"
            raise StartError(
                f"a runner already uses {self.place} (process {holder}): stop it first"
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())


def write_secret(path: Path, text: str) -> None:
    """Write what nobody else may read: beside its place and renamed, so that there is never half of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.rename(path)
