"""Several signing keys at once: which one signs, which verify, and when one is replaced.

The ring is the text of one secret: at first the bare string that CloudFormation generated, after the first
rotation JSON. Every process that has read the newest text knows by its clock alone which key signs.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

REREAD = timedelta(minutes=5)
"""How old what a process knows of the ring may become."""

LEAD = timedelta(minutes=11)
"""How long a new key is published before it signs.

By then every process knows it, and whoever keeps the JWKS for five minutes, with a minute for clocks apart.
"""

MOST_AGE = timedelta(days=30)
"""How long a key signs until its successor is made."""

_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Rotation(StrEnum):
    """Why keys are replaced."""

    DUE = "due"
    """The key that signs may be old enough."""
    NOW = "now"
    """Somebody wants a new one; the old one verifies as long as its tokens live."""
    COMPROMISED = "compromised"
    """Somebody else may know the old ones: they are good no more, and every access token is refreshed."""


class MalformedRingError(ValueError):
    """The secret's text is no ring. The message does not repeat it."""


@dataclass(frozen=True, kw_only=True)
class RingKey:
    """A secret that a signing key is derived from, and from when on it signs."""

    secret: str = field(repr=False)
    signs_from: datetime = _ALWAYS


@dataclass(frozen=True)
class KeyRing:
    """The keys, each signing until the next one does. There is at least one."""

    keys: tuple[RingKey, ...]

    @classmethod
    def read(cls, text: str) -> "KeyRing":
        """Return the ring of a secret's text. Raises MalformedRingError."""
        if not text.startswith("{"):
            return cls((RingKey(secret=text),))
        try:
            keys = tuple(_key_of(each) for each in json.loads(text)["keys"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise MalformedRingError("the signing secret holds no ring of keys") from None
        if not keys or any(not each.secret for each in keys):
            raise MalformedRingError("the signing secret holds no ring of keys")
        return cls(tuple(sorted(keys, key=lambda each: each.signs_from)))

    @property
    def text(self) -> str:
        """The secret's text."""
        keys = [{"secret": k.secret, "signs_from": k.signs_from.isoformat()} for k in self.keys]
        return json.dumps({"keys": keys})

    def signing(self, *, at: datetime) -> RingKey:
        """Return the key that signs at a moment: the newest whose time has come."""
        come = [each for each in self.keys if each.signs_from <= at]
        return come[-1] if come else self.keys[0]

    def rotated(
        self, why: Rotation, *, at: datetime, secret: str, token_life: timedelta
    ) -> "KeyRing":
        """Return the ring after a rotation, which may be this one; `secret` is the new key's, if one is made.

        Keys whose last token has expired are dropped. While a new key waits for its time, no other is made.
        """
        if why is Rotation.COMPROMISED:
            return KeyRing((RingKey(secret=secret, signs_from=at),))
        kept = self._without_retired(at=at, token_life=token_life)
        newest = kept[-1]
        if newest.signs_from > at or (why is Rotation.DUE and not _is_old(newest, at=at)):
            return self if kept == self.keys else KeyRing(kept)
        return KeyRing((*kept, RingKey(secret=secret, signs_from=at + LEAD)))

    def _without_retired(self, *, at: datetime, token_life: timedelta) -> tuple[RingKey, ...]:
        # A key is needed until its last token has expired: it signed that when its successor began.
        successors = (*self.keys[1:], None)
        return tuple(
            key
            for key, successor in zip(self.keys, successors, strict=True)
            if successor is None or at < successor.signs_from + token_life
        )


def _is_old(key: RingKey, *, at: datetime) -> bool:
    return key.signs_from == _ALWAYS or at - key.signs_from >= MOST_AGE


def _key_of(each: dict[str, Any]) -> RingKey:
    signs_from = datetime.fromisoformat(each["signs_from"])
    if not isinstance(each["secret"], str) or signs_from.tzinfo is None:
        raise MalformedRingError("a key has no secret or no time")
    return RingKey(secret=each["secret"], signs_from=signs_from)
