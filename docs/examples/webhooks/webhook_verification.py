"""Verify webhooks (Standard Webhooks 1.0.0) and handle each once. Copy this file: it stands alone.

It needs Python 3.10, and the package `cryptography` only where a key is a public one (`whpk_`).
"""

import hmac
import json
import re
import sqlite3
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

TOLERANCE_S = 300
MONTH_S = 30 * 24 * 60 * 60

# A full stop in the id could make one signed text mean two things.
_ID = re.compile(r"[!-\-/-~]{1,255}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)

_Check = Callable[[bytes, bytes], bool]
"""Tells whether a signature (first) is of a content (second)."""


class UnverifiedError(Exception):
    """The request is not from whom it should be, or is not of these minutes: answer 400, do nothing."""


@dataclass(frozen=True)
class Webhook:
    """What was verified. `id` is the same each time that this message is sent, `timestamp` is not."""

    id: str
    timestamp: int
    payload: Any


class WebhookVerifier:
    """Verifies by the keys that you trust: secrets (`whsec_`) and public keys (`whpk_`), one is enough.

    Give both the old key and the new one while they are exchanged. `now` returns Unix time in seconds.
    """

    def __init__(
        self,
        keys: Iterable[str],
        *,
        tolerance_s: float = TOLERANCE_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._checks = [_check_of(key) for key in keys]
        if not self._checks:
            raise ValueError("nothing is verified without a key")
        self._tolerance_s = tolerance_s
        self._now = now

    def verify(self, headers: Mapping[str, str], body: bytes) -> Webhook:
        """Return what was sent. `body` is what came, byte for byte: never JSON that was parsed and written anew.

        Raises UnverifiedError.
        """
        named = {name.lower(): value for name, value in headers.items()}
        message_id, seconds = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
        if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
            raise UnverifiedError("the webhook-id or the webhook-timestamp is missing or malformed")
        if abs(self._now() - int(seconds)) > self._tolerance_s:
            raise UnverifiedError("the webhook-timestamp is too far from the present")
        content = b".".join((message_id.encode(), seconds.encode(), body))
        if not self._is_signed(content, by=named.get("webhook-signature", "")):
            raise UnverifiedError("no signature is of this body by a key that is trusted")
        return Webhook(id=message_id, timestamp=int(seconds), payload=json.loads(body))

    def _is_signed(self, content: bytes, *, by: str) -> bool:
        parts = [each.partition(",") for each in by.split(" ")]
        # Of schemes that are unknown here, signatures are passed over: there may be new ones one day.
        return any(
            check(_decoded(text), content)
            for given, _, text in parts
            for scheme, check in self._checks
            if given == scheme
        )


class Inbox:
    """Which webhooks were handled, in an SQLite file. In your own database it is a table with a unique id.

    The same webhook comes again after an answer that was lost, and when it is sent again by hand: keep the
    ids for as long as that may be.
    """

    def __init__(self, path: str, *, keep_s: float = MONTH_S) -> None:
        self._path = path
        self._keep_s = keep_s
        with self._transaction() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS handled (id TEXT PRIMARY KEY, at REAL NOT NULL)"
            )

    @contextmanager
    def once(self, webhook: Webhook) -> Iterator[bool]:
        """Tell whether a webhook comes for the first time. What raises inside makes it come for the first time again.

        With your own database, write what the webhook causes in this same transaction.
        """
        with self._transaction() as database:
            database.execute("DELETE FROM handled WHERE at < ?", (time.time() - self._keep_s,))
            inserted = database.execute(
                "INSERT OR IGNORE INTO handled (id, at) VALUES (?, ?)", (webhook.id, time.time())
            )
            yield inserted.rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=30)) as database:
            # At once, so that of two that come together the second waits, and sees the first.
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _check_of(key: str) -> tuple[str, _Check]:
    if key.startswith("whpk_"):
        return "v1a", _public_check(_key_bytes(key, prefix="whpk_"))
    secret = _key_bytes(key, prefix="whsec_")
    return "v1", lambda signature, content: hmac.compare_digest(
        signature, hmac.digest(secret, content, "sha256")
    )


def _public_check(raw: bytes) -> _Check:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public_key = Ed25519PublicKey.from_public_bytes(raw)

    def check(signature: bytes, content: bytes) -> bool:
        try:
            public_key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    return check


def _key_bytes(key: str, *, prefix: str) -> bytes:
    encoded = key.removeprefix(prefix)
    raw = _decoded(encoded)
    if not raw or encoded == key or b64encode(raw).decode() != encoded:
        raise ValueError("a key is whsec_ or whpk_ and standard base64")
    return raw


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
