"""Second factors of tests: an authenticator in software, an application's codes, and a clock that stands."""

import base64
import hashlib
import importlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import encode_cbor

from shared.core.clock import now
from tests.web_fixtures import PUBLIC_URL

type Json = dict[str, Any]

READERS = (
    "shared.domains.logins.service",
    "shared.domains.mfa.service.confirmations",
    "shared.domains.mfa.service.factors",
    "shared.domains.mfa.service.login",
    "shared.domains.mfa.service.passkeys",
    "shared.domains.mfa.service.totp",
)
"""Who reads the clock."""

USER_PRESENT, USER_VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


class Clock:
    """The time that second factors go by: it stands still until it is moved."""

    def __init__(self) -> None:
        self.time = now()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Clock":
        for module in READERS:
            monkeypatch.setattr(importlib.import_module(module), "now", lambda: self.time)
        return self

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


def code_of(secret: str, at: datetime, *, steps: int = 0) -> str:
    """What an application shows at a time, or some steps of 30 s later."""
    return str(pyotp.TOTP(secret).generate_otp(int(at.timestamp()) // 30 + steps))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@dataclass
class Authenticator:
    """Makes and uses one passkey (ES256), as a browser would give it to a page at `origin`.

    Source: Web Authentication Level 3, sections 5.8.1, 6.1 and 6.5.
    """

    rp_id: str = "api.example.com"
    origin: str = PUBLIC_URL
    flags: int = USER_PRESENT | USER_VERIFIED
    count: int = 0
    user_handle: str | None = None
    extra: Json = field(default_factory=dict)
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def id(self) -> str:
        return base64url(self.credential_id)

    def create(self, options: Json) -> Json:
        """What navigator.credentials.create() gives for options."""
        self.user_handle = options["user"]["id"]
        client_data = self._client_data("webauthn.create", options)
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._data(self.flags | ATTESTED) + attested + self._cose()
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._credential(
            clientDataJSON=base64url(client_data),
            attestationObject=base64url(encode_cbor(attestation)),
            transports=["internal", "hybrid"],
            publicKeyAlgorithm=-7,
        )

    def get(self, options: Json) -> Json:
        """What navigator.credentials.get() gives for options."""
        self.count += 1 if self.count else 0
        client_data = self._client_data("webauthn.get", options)
        data = self._data(self.flags)
        signed = data + hashlib.sha256(client_data).digest()
        return self._credential(
            clientDataJSON=base64url(client_data),
            authenticatorData=base64url(data),
            signature=base64url(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=self.user_handle,
        )

    def _credential(self, **response: object) -> Json:
        return {
            "id": self.id,
            "rawId": self.id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def _client_data(self, kind: str, options: Json) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said | self.extra).encode()

    def _data(self, flags: int) -> bytes:
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_id_hash + bytes([flags]) + self.count.to_bytes(4, "big")

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = (each.to_bytes(32, "big") for each in (numbers.x, numbers.y))
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})
