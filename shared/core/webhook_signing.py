"""Signatures of webhooks: both schemes of Standard Webhooks 1.0.0, by several keys at once.

What is signed is `{message id}.{seconds}.{body}`: the body alone could be sent again later, or for
another message. `v1` is HMAC-SHA256 by a secret that both sides know (`whsec_`), `v1a` is Ed25519
(RFC 8032): the sender signs by a private key (`whsk_`), whoever has the public one (`whpk_`) verifies.
Keys are standard base64 with its padding, for some of the libraries decode nothing else.

Source: Standard Webhooks 1.0.0, "Verifying webhook authenticity".
"""

import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE = timedelta(minutes=5)
"""How far a webhook's time may be from the receiver's, before or after."""

SYMMETRIC, ASYMMETRIC = "v1", "v1a"
"""The schemes' names, as they stand before each signature."""

SECRET_PREFIX, PRIVATE_PREFIX, PUBLIC_PREFIX = "whsec_", "whsk_", "whpk_"

FEWEST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64

_NEW_SECRET_BYTES = 32
_ED25519_BYTES = 32

_FEWEST_DIFFERENT_BYTES = 8
"""Of 24 random bytes so few are different once in 10 ** 24 times: what has fewer was typed."""

# Visible ASCII but the full stop: that would let a part of the id pass for the time.
_ID = re.compile(r"[!-\-/-~]{1,255}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class MalformedKeyError(ValueError):
    """A text is no secret or key of a webhook. The message does not repeat it."""


class UnsignableError(ValueError):
    """A message's id, or its time, cannot be signed."""


class UnverifiedError(Exception):
    """A request is no webhook of the keys' owner, or none of these minutes."""


@dataclass(frozen=True)
class _Secret:
    scheme = SYMMETRIC
    key: bytes = field(repr=False)

    def signature_of(self, content: bytes) -> bytes:
        return hmac.digest(self.key, content, "sha256")

    def matches(self, signature: bytes, *, content: bytes) -> bool:
        return hmac.compare_digest(signature, self.signature_of(content))


@dataclass(frozen=True)
class _PrivateKey:
    scheme = ASYMMETRIC
    key: "Ed25519PrivateKey" = field(repr=False)

    def signature_of(self, content: bytes) -> bytes:
        return self.key.sign(content)


@dataclass(frozen=True)
class _PublicKey:
    scheme = ASYMMETRIC
    key: "Ed25519PublicKey" = field(repr=False)

    def matches(self, signature: bytes, *, content: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """Keys that are read already, to sign many messages: reading a private key costs as much as signing by it."""

    _keys: tuple[_Secret | _PrivateKey, ...] = field(repr=False)

    @classmethod
    def of(cls, *keys: str) -> Self:
        """Return what signs by each of the keys: `whsec_` secrets and `whsk_` private keys.

        Receivers try the signatures in the keys' order. Raises MalformedKeyError.
        """
        if not keys:
            raise MalformedKeyError("nothing signs without a key")
        return cls(tuple(_signing_key(each) for each in keys))

    def sign(self, message_id: str, *, at: datetime, body: bytes) -> dict[str, str]:
        """Return the three headers of an attempt that is made at a moment, to the second.

        `body` must be sent as it is, byte for byte. Raises UnsignableError for an id that is not
        1 to 255 visible ASCII characters without a full stop, and for a time that is naive or before 1970.
        """
        seconds = _seconds_of(at)
        if not _ID.fullmatch(message_id):
            raise UnsignableError("a message's id is visible ASCII without a full stop")
        content = _content(message_id, seconds, body)
        signatures = (f"{key.scheme},{_encoded(key.signature_of(content))}" for key in self._keys)
        return {
            ID_HEADER: message_id,
            TIMESTAMP_HEADER: seconds,
            SIGNATURE_HEADER: " ".join(signatures),
        }


@dataclass(frozen=True)
class Verifier:
    """Keys that are read already, to verify many webhooks: those that the receiver trusts, and no others."""

    _keys: tuple[_Secret | _PublicKey, ...] = field(repr=False)

    @classmethod
    def of(cls, *keys: str) -> Self:
        """Return what verifies by any of the keys: `whsec_` secrets and `whpk_` public keys.

        Raises MalformedKeyError.
        """
        if not keys:
            raise MalformedKeyError("nothing is verified without a key")
        return cls(tuple(_verifying_key(each) for each in keys))

    def verify(
        self,
        headers: Mapping[str, str],
        *,
        body: bytes,
        at: datetime,
        tolerance: timedelta = TOLERANCE,
    ) -> str:
        """Return the id of a webhook that was received at a moment: what a receiver remembers.

        One good signature is enough, and those of schemes that are unknown here are passed over.
        Raises UnverifiedError.
        """
        named = {name.lower(): value for name, value in headers.items()}
        message_id = _required(named, ID_HEADER, form=_ID)
        seconds = _required(named, TIMESTAMP_HEADER, form=_SECONDS)
        if abs(at.timestamp() - int(seconds)) > tolerance.total_seconds():
            raise UnverifiedError(f"the {TIMESTAMP_HEADER} is too far from the present")
        content = _content(message_id, seconds, body)
        if not self._is_signed(content, by=named.get(SIGNATURE_HEADER, "")):
            raise UnverifiedError(f"no {SIGNATURE_HEADER} is of this body by a key of these")
        return message_id

    def _is_signed(self, content: bytes, *, by: str) -> bool:
        parts = (each.partition(",") for each in by.split(" "))
        given = [(scheme, _decoded(text)) for scheme, _, text in parts]
        return any(
            key.matches(signature, content=content)
            for scheme, signature in given
            for key in self._keys
            if signature is not None and key.scheme == scheme
        )


def new_secret() -> str:
    """Return a new `whsec_` secret of 256 random bits."""
    return SECRET_PREFIX + _encoded(secrets.token_bytes(_NEW_SECRET_BYTES))


def new_private_key() -> str:
    """Return a new `whsk_` private key: the 32 bytes that RFC 8032, section 5.1.5, begins with."""
    return PRIVATE_PREFIX + _encoded(secrets.token_bytes(_ED25519_BYTES))


def public_key_of(private_key: str) -> str:
    """Return the `whpk_` public key of a `whsk_` private key. Raises MalformedKeyError."""
    return PUBLIC_PREFIX + _encoded(_private_key(private_key).public_key().public_bytes_raw())


def check_secret(text: str) -> None:
    """Raise MalformedKeyError for what is no `whsec_` secret of 24 to 64 random bytes."""
    _secret(text)


def _signing_key(text: str) -> _Secret | _PrivateKey:
    if text.startswith(PRIVATE_PREFIX):
        return _PrivateKey(_private_key(text))
    return _Secret(_secret(text))


def _verifying_key(text: str) -> _Secret | _PublicKey:
    if text.startswith(PUBLIC_PREFIX):
        return _PublicKey(_public_key(text))
    return _Secret(_secret(text))


def _secret(text: str) -> bytes:
    key = _key_bytes(text, prefix=SECRET_PREFIX)
    if not FEWEST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES:
        raise MalformedKeyError(
            f"a secret has {FEWEST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes, this has {len(key)}"
        )
    if len(set(key)) < _FEWEST_DIFFERENT_BYTES:
        raise MalformedKeyError("a secret is random: this repeats a few bytes")
    return key


def _private_key(text: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = _key_bytes(text, prefix=PRIVATE_PREFIX)
    # Some senders write the public key behind it: 64 bytes, as NaCl does.
    seed, public = raw[:_ED25519_BYTES], raw[_ED25519_BYTES:]
    if len(seed) != _ED25519_BYTES:
        raise MalformedKeyError(f"a private key has {_ED25519_BYTES} bytes, this has {len(raw)}")
    key = Ed25519PrivateKey.from_private_bytes(seed)
    if public and public != key.public_key().public_bytes_raw():
        raise MalformedKeyError("what stands behind the private key is not its public key")
    return key


def _public_key(text: str) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    raw = _key_bytes(text, prefix=PUBLIC_PREFIX)
    if len(raw) != _ED25519_BYTES:
        raise MalformedKeyError(f"a public key has {_ED25519_BYTES} bytes, this has {len(raw)}")
    return Ed25519PublicKey.from_public_bytes(raw)


def _key_bytes(text: str, *, prefix: str) -> bytes:
    if not text.startswith(prefix):
        raise MalformedKeyError(f"it does not begin with {prefix}")
    encoded = text.removeprefix(prefix)
    raw = _decoded(encoded)
    # One spelling a key: else a library that is stricter would refuse what this one took.
    if raw is None or _encoded(raw) != encoded:
        raise MalformedKeyError(f"what follows {prefix} is not standard base64 with its padding")
    return raw


def _required(headers: Mapping[str, str], name: str, *, form: re.Pattern[str]) -> str:
    value = headers.get(name, "")
    if not form.fullmatch(value):
        raise UnverifiedError(f"the {name} is missing or malformed")
    return value


def _seconds_of(at: datetime) -> str:
    if at.tzinfo is None or at.timestamp() < 0:
        raise UnsignableError("a time is aware, and not before 1970")
    return str(int(at.timestamp()))


def _content(message_id: str, seconds: str, body: bytes) -> bytes:
    return b".".join((message_id.encode("ascii"), seconds.encode("ascii"), body))


def _encoded(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None
