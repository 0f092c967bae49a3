"""Libraries of others verify what is signed here, and what they sign is verified here."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
import standardwebhooks
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.core.clock import now
from shared.core.webhook_signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Signer,
    UnverifiedError,
    Verifier,
    public_key_of,
)
from tests.node_fixtures import Node
from tests.webhook_keys import OTHER_SECRET, PRIVATE, SECRET

PUBLIC = public_key_of(PRIVATE)
MESSAGE = "0199f7f0-7e1c-7a53-9d0c-3f0a1b2c3d4e"
BODY = '{"type":"item.created","timestamp":"2026-01-06T10:00:00Z","data":{"name":"Löwe"}}'

REFUSALS = (standardwebhooks.WebhookVerificationError, PermissionError)


class Library(Protocol):
    """What each library does: `verify` raises one of REFUSALS."""

    def verify(self, headers: Mapping[str, str], *, secret: str, body: str) -> None: ...

    def sign(self, message_id: str, *, secret: str, at: datetime, body: str) -> str: ...


class PythonStandardWebhooks:
    def verify(self, headers: Mapping[str, str], *, secret: str, body: str) -> None:
        standardwebhooks.Webhook(secret).verify(body.encode(), dict(headers))

    def sign(self, message_id: str, *, secret: str, at: datetime, body: str) -> str:
        return standardwebhooks.Webhook(secret).sign(message_id, at, body)


class PythonSvix:
    def verify(self, headers: Mapping[str, str], *, secret: str, body: str) -> None:
        svix.webhooks.Webhook(secret).verify(body.encode(), dict(headers))

    def sign(self, message_id: str, *, secret: str, at: datetime, body: str) -> str:
        return svix.webhooks.Webhook(secret).sign(message_id, at, body)


class NpmStandardWebhooks:
    def __init__(self, node: Node) -> None:
        self._node = node

    def verify(self, headers: Mapping[str, str], *, secret: str, body: str) -> None:
        answer = self._node.ask(
            "library_verify", secret=secret, headers=dict(headers), body=encoded(body.encode())
        )
        if answer.get("error") == "WebhookVerificationError":
            raise PermissionError(answer["message"])
        assert answer["payload"]["type"] == "item.created"

    def sign(self, message_id: str, *, secret: str, at: datetime, body: str) -> str:
        seconds, content = int(at.timestamp()), encoded(body.encode())
        answer = self._node.ask(
            "library_sign", secret=secret, id=message_id, seconds=seconds, body=content
        )
        signature: str = answer["signature"]
        return signature


@pytest.fixture(params=["standardwebhooks", "svix", "standardwebhooks of npm"])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "standardwebhooks":
        return PythonStandardWebhooks()
    if request.param == "svix":
        return PythonSvix()
    return NpmStandardWebhooks(request.getfixturevalue("node"))


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decoded(key: str) -> bytes:
    return base64.b64decode(key.partition("_")[2])


def signed(*keys: str, at: datetime | None = None) -> dict[str, str]:
    return Signer.of(*keys).sign(MESSAGE, at=at or now(), body=BODY.encode())


class TestLibraries:
    def test_it_verifies_what_is_signed_here(self, library: Library) -> None:
        library.verify(signed(SECRET), secret=SECRET, body=BODY)

    @pytest.mark.parametrize("size", [24, 64])
    def test_it_takes_the_shortest_and_the_longest_secret(
        self, library: Library, size: int
    ) -> None:
        secret = "whsec_" + encoded(bytes(range(size)))
        library.verify(signed(secret), secret=secret, body=BODY)

    @pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
    def test_it_finds_its_signature_among_those_of_both_schemes(
        self, library: Library, secret: str
    ) -> None:
        library.verify(signed(PRIVATE, SECRET, OTHER_SECRET), secret=secret, body=BODY)

    def test_it_refuses_another_body(self, library: Library) -> None:
        with pytest.raises(REFUSALS):
            library.verify(signed(SECRET), secret=SECRET, body=BODY.replace("Löwe", "Bär"))

    def test_it_refuses_another_secret(self, library: Library) -> None:
        with pytest.raises(REFUSALS):
            library.verify(signed(OTHER_SECRET), secret=SECRET, body=BODY)

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_it_refuses_another_time(self, library: Library, minutes: int) -> None:
        headers = signed(SECRET, at=now() + timedelta(minutes=minutes))
        with pytest.raises(REFUSALS):
            library.verify(headers, secret=SECRET, body=BODY)

    def test_what_it_signs_is_the_same_and_verified_here(self, library: Library) -> None:
        at = now()
        signature = library.sign(MESSAGE, secret=SECRET, at=at, body=BODY)
        headers = {
            ID_HEADER: MESSAGE,
            TIMESTAMP_HEADER: str(int(at.timestamp())),
            SIGNATURE_HEADER: signature,
        }
        assert headers == signed(SECRET, at=at)
        assert Verifier.of(SECRET).verify(headers, body=BODY.encode(), at=now()) == MESSAGE
        with pytest.raises(UnverifiedError):
            Verifier.of(SECRET).verify(headers, body=b"{}", at=now())


class TestEd25519:
    """None of the three libraries knows v1a: two implementations of Ed25519 do."""

    AT = datetime(2026, 1, 6, 10, tzinfo=UTC)
    CONTENT = f"{MESSAGE}.{int(AT.timestamp())}.{BODY}".encode()

    def signature(self) -> str:
        scheme, _, signature = signed(PRIVATE, at=self.AT)[SIGNATURE_HEADER].partition(",")
        assert scheme == "v1a"
        return signature

    @pytest.mark.parametrize("change", ["", " "])
    def test_node_verifies_it(self, node: Node, change: str) -> None:
        answer = node.ask(
            "crypto_verify",
            public_key=encoded(decoded(PUBLIC)),
            content=encoded(self.CONTENT + change.encode()),
            signature=self.signature(),
        )
        assert answer == {"good": change == ""}

    def test_cryptography_verifies_it(self) -> None:
        key, signature = Ed25519PublicKey.from_public_bytes(decoded(PUBLIC)), self.signature()
        key.verify(base64.b64decode(signature), self.CONTENT)
        with pytest.raises(InvalidSignature):
            key.verify(base64.b64decode(signature), self.CONTENT + b" ")

    def test_node_and_cryptography_sign_the_same(self, node: Node) -> None:
        by_node = node.ask(
            "crypto_sign", private_key=encoded(decoded(PRIVATE)), content=encoded(self.CONTENT)
        )
        by_python = Ed25519PrivateKey.from_private_bytes(decoded(PRIVATE)).sign(self.CONTENT)
        assert by_node == {"signature": encoded(by_python)} == {"signature": self.signature()}

    def test_what_node_signs_is_verified_here(self, node: Node) -> None:
        answer = node.ask(
            "crypto_sign", private_key=encoded(decoded(PRIVATE)), content=encoded(self.CONTENT)
        )
        headers = {
            ID_HEADER: MESSAGE,
            TIMESTAMP_HEADER: str(int(self.AT.timestamp())),
            SIGNATURE_HEADER: f"v1a,{answer['signature']}",
        }
        verifier = Verifier.of(PUBLIC)
        assert verifier.verify(headers, body=BODY.encode(), at=self.AT) == MESSAGE
        with pytest.raises(UnverifiedError):
            verifier.verify(headers, body=b"{}", at=self.AT)
