"""TLS keeps the name: its certificate is verified for the name, and the receiver is told the name."""

import datetime as dt
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.adapters.outbound.answers import Answer, Reason, Unanswered
from shared.adapters.outbound.connecting import public_trust
from shared.adapters.outbound.limits import Limits
from tests.shared.adapters.outbound.conftest import NewClient
from tests.shared.adapters.outbound.receivers import (
    OK,
    FakeDns,
    Receiver,
    Visit,
    answered,
    answering,
    receiving,
    unanswered,
    vet_anything,
)
from tests.shared.adapters.outbound.sockets import Seen

pytestmark = pytest.mark.anyio

NAME = "hooks.example.com"
DAY = dt.timedelta(days=1)


@dataclass
class Authority:
    """Issues certificates, and is trusted by who is told to."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def name(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])

    def trust(self) -> ssl.SSLContext:
        """What clients have, and this authority besides."""
        pem = self._signed(self.name, self.key, [], is_authority=True)
        trust = public_trust.__wrapped__()
        trust.load_verify_locations(cadata=pem.decode())
        return trust

    def server(
        self, *names: str | IPv4Address, days: int = 2, is_self_signed: bool = False
    ) -> ssl.SSLContext:
        """A server's context with a certificate for these names, over in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, str(names[0]))])
        alternatives = [
            x509.DNSName(each) if isinstance(each, str) else x509.IPAddress(each) for each in names
        ]
        signer = key if is_self_signed else self.key
        issuer = subject if is_self_signed else self.name
        pem = self._signed(subject, key, alternatives, signer=signer, issuer=issuer, days=days)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self.folder / f"{names[0]}.pem"
        path.write_bytes(private + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        alternatives: Sequence[x509.GeneralName],
        *,
        signer: ec.EllipticCurvePrivateKey | None = None,
        issuer: x509.Name | None = None,
        days: int = 2,
        is_authority: bool = False,
    ) -> bytes:
        now = dt.datetime.now(dt.UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            (signer or self.key).public_key()
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(identifier, critical=False)
            .add_extension(_usage(is_authority=is_authority), critical=True)
        )  # fmt: skip
        if alternatives:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        certificate = builder.sign(signer or self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def post_to(
    receiver: Receiver, new_client: NewClient, authority: Authority, *, times: int = 1
) -> Answer | Unanswered:
    """Post to the receiver by a name that leads to this machine."""
    trust = authority.trust()
    client = new_client(
        allow_loopback=False,
        ports={receiver.port},
        resolver=FakeDns(hooks_example_com="127.0.0.1"),
        vet=vet_anything,
        trust=lambda: trust,
        limits=Limits(total_s=2),
    )
    for _ in range(times):
        outcome = await client.post(f"https://{NAME}:{receiver.port}/in", headers={}, body=b"{}")
    return outcome


async def test_the_receiver_is_told_the_name_and_never_the_address(
    new_client: NewClient, authority: Authority, seen: Seen
) -> None:
    asked: list[str | None] = []
    tls = authority.server(NAME)
    tls.sni_callback = lambda _, name, __: asked.append(name)
    async with receiving(answering(OK), tls=tls) as receiver:
        outcome = answered(await post_to(receiver, new_client, authority))
    assert (outcome.status, outcome.body, asked) == (200, b"ok", [NAME])
    assert f"\r\nHost: {NAME}:{receiver.port}\r\n".encode() in receiver.requests[0]
    assert b"127.0.0.1" not in receiver.requests[0]
    assert seen.connected == [("127.0.0.1", receiver.port)]
    assert seen.looked_up == []


async def test_a_connection_with_tls_is_used_again(
    new_client: NewClient, authority: Authority
) -> None:
    async with receiving(answering(OK), tls=authority.server(NAME)) as receiver:
        answered(await post_to(receiver, new_client, authority, times=4))
    assert (receiver.visits, len(receiver.requests)) == (1, 4)


async def test_http_1_1_is_agreed_on(new_client: NewClient, authority: Authority) -> None:
    tls = authority.server(NAME)
    tls.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    async def serve(visit: Visit) -> None:
        chosen.append(visit.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await answering(OK)(visit)

    async with receiving(serve, tls=tls) as receiver:
        answered(await post_to(receiver, new_client, authority))
    assert chosen == ["http/1.1"]


@pytest.mark.parametrize(
    ("names", "days", "is_self_signed", "told"),
    [
        (("other.example.com",), 2, False, "Hostname mismatch"),
        (("example.com",), 2, False, "Hostname mismatch"),
        (("*.com",), 2, False, "Hostname mismatch"),
        ((IPv4Address("127.0.0.1"),), 2, False, "Hostname mismatch"),
        ((NAME,), -2, False, "expired"),
        ((NAME,), 2, True, "self-signed"),
    ],
)
async def test_a_certificate_that_is_not_the_names_ends_it(
    names: tuple[str | IPv4Address, ...],
    days: int,
    is_self_signed: bool,  # noqa: FBT001  # parametrised
    told: str,
    new_client: NewClient,
    authority: Authority,
) -> None:
    tls = authority.server(*names, days=days, is_self_signed=is_self_signed)
    async with receiving(answering(OK), tls=tls) as receiver:
        outcome = unanswered(await post_to(receiver, new_client, authority))
    assert outcome.reason is Reason.TLS_FAILED
    assert told.lower() in outcome.text.lower()
    assert receiver.requests == []


async def test_an_authority_that_nobody_trusts_ends_it(
    new_client: NewClient, authority: Authority, tmp_path: Path
) -> None:
    async with receiving(answering(OK), tls=Authority(tmp_path).server(NAME)) as receiver:
        outcome = unanswered(await post_to(receiver, new_client, authority))
    assert outcome.reason is Reason.TLS_FAILED


async def test_what_is_trusted_is_not_up_to_the_environment(
    new_client: NewClient, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = authority.server(NAME)
    bundle = authority.folder / "bundle.pem"
    bundle.write_bytes(authority._signed(authority.name, authority.key, [], is_authority=True))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    public_trust.cache_clear()
    async with receiving(answering(OK), tls=tls) as receiver:
        client = new_client(
            allow_loopback=False,
            ports={receiver.port},
            resolver=FakeDns(hooks_example_com="127.0.0.1"),
            vet=vet_anything,
        )
        outcome = await client.post(f"https://{NAME}:{receiver.port}/", headers={}, body=b"")
    public_trust.cache_clear()
    assert unanswered(outcome).reason is Reason.TLS_FAILED


def test_names_and_certificates_are_verified_and_old_tls_is_not_spoken() -> None:
    trust = public_trust()
    assert trust.check_hostname
    assert trust.verify_mode is ssl.CERT_REQUIRED
    assert trust.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert len(trust.get_ca_certs()) > 50


async def test_an_address_has_a_certificate_for_the_address(
    new_client: NewClient, authority: Authority
) -> None:
    trust = authority.trust()
    tls = authority.server(IPv4Address("127.0.0.1"))
    async with receiving(answering(OK), tls=tls) as receiver:
        client = new_client(trust=lambda: trust)
        url = f"https://127.0.0.1:{receiver.port}/"
        assert answered(await client.post(url, headers={}, body=b"")).status == 200


async def test_a_port_without_tls_ends_it(new_client: NewClient, authority: Authority) -> None:
    async def serve(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 400 Plain\r\nContent-Length: 0\r\n\r\n")
        await visit.closed()

    async with receiving(serve) as receiver:
        outcome = unanswered(await post_to(receiver, new_client, authority))
    assert outcome.reason is Reason.TLS_FAILED


async def test_a_handshake_that_breaks_off_ends_it(
    new_client: NewClient, authority: Authority
) -> None:
    async def serve(visit: Visit) -> None:
        await visit.reader.read(10)

    async with receiving(serve) as receiver:
        outcome = unanswered(await post_to(receiver, new_client, authority))
    assert outcome.reason is Reason.TLS_FAILED


async def test_a_handshake_that_hangs_is_out_of_time(new_client: NewClient) -> None:
    async def serve(visit: Visit) -> None:
        await visit.closed()

    async with receiving(serve) as receiver:
        client = new_client(limits=Limits(total_s=0.1))
        outcome = await client.post(f"https://127.0.0.1:{receiver.port}/", headers={}, body=b"")
    assert unanswered(outcome).reason is Reason.TIMED_OUT
