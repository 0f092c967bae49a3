"""What is signed, by which keys, and what of it a receiver can rely on."""

import base64
import copy
import hashlib
import hmac
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.core import webhook_signing
from shared.core.webhook_signing import (
    ID_HEADER,
    PRIVATE_PREFIX,
    PUBLIC_PREFIX,
    SECRET_PREFIX,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE,
    MalformedKeyError,
    Signer,
    UnsignableError,
    UnverifiedError,
    Verifier,
    check_secret,
    new_private_key,
    new_secret,
    public_key_of,
)
from tests.webhook_keys import OTHER_PRIVATE, OTHER_SECRET, PRIVATE, SECRET

AT = datetime(2026, 1, 6, 10, 0, 0, 750_000, tzinfo=UTC)
SECONDS = str(int(AT.timestamp()))
MESSAGE = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
BODY = b'{"type":"item.created","timestamp":"2026-01-06T09:59:58Z","data":{}}'
PUBLIC = public_key_of(PRIVATE)


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decoded(key: str) -> bytes:
    return base64.b64decode(key.partition("_")[2], validate=True)


def signed(*keys: str, message_id: str = MESSAGE, body: bytes = BODY) -> dict[str, str]:
    return Signer.of(*keys).sign(message_id, at=AT, body=body)


def signatures(headers: dict[str, str]) -> list[str]:
    return headers[SIGNATURE_HEADER].split(" ")


def verify(*keys: str, headers: dict[str, str], body: bytes = BODY, at: datetime = AT) -> str:
    return Verifier.of(*keys).verify(headers, body=body, at=at)


class TestSign:
    def test_there_are_three_headers_and_all_begin_alike(self) -> None:
        headers = signed(SECRET)
        assert list(headers) == ["webhook-id", "webhook-timestamp", "webhook-signature"]
        assert headers["webhook-id"] == MESSAGE

    def test_the_time_is_whole_seconds_of_the_attempt(self) -> None:
        assert signed(SECRET)[TIMESTAMP_HEADER] == "1767693600"
        later = Signer.of(SECRET).sign(MESSAGE, at=AT + timedelta(minutes=5), body=BODY)
        assert later[TIMESTAMP_HEADER] == "1767693900"
        assert later[ID_HEADER] == MESSAGE
        assert later[SIGNATURE_HEADER] != signed(SECRET)[SIGNATURE_HEADER]

    def test_id_time_and_body_are_signed_with_full_stops_between(self) -> None:
        content = f"{MESSAGE}.{SECONDS}.".encode() + BODY
        digest = hmac.new(decoded(SECRET), content, hashlib.sha256).digest()
        assert signed(SECRET)[SIGNATURE_HEADER] == "v1," + encoded(digest)

    def test_an_asymmetric_signature_is_ed25519_of_the_same(self) -> None:
        scheme, _, signature = signed(PRIVATE)[SIGNATURE_HEADER].partition(",")
        key = Ed25519PublicKey.from_public_bytes(decoded(PUBLIC))
        key.verify(base64.b64decode(signature), f"{MESSAGE}.{SECONDS}.".encode() + BODY)
        assert scheme == "v1a"

    def test_it_signs_as_other_implementations_do(self) -> None:
        """The examples of the reference libraries: Python's and npm's for v1, Go's for v1a."""
        signer = Signer.of(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
        )
        headers = signer.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at=datetime.fromtimestamp(1614265330, UTC),
            body=b'{"test": 2432232314}',
        )
        assert signatures(headers) == [
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
        ]

    def test_each_key_gives_a_signature_in_its_place(self) -> None:
        headers = signed(SECRET, PRIVATE, OTHER_SECRET, OTHER_PRIVATE)
        alone = [signed(key)[SIGNATURE_HEADER] for key in (SECRET, PRIVATE)]
        assert signatures(headers)[:2] == alone
        assert [each.partition(",")[0] for each in signatures(headers)] == ["v1", "v1a"] * 2

    def test_a_key_is_read_once_for_many_messages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[str] = []
        monkeypatch.setattr(webhook_signing, "_private_key", read.append)
        monkeypatch.setattr(webhook_signing, "_PrivateKey", lambda _: webhook_signing._Secret(b""))
        signer = Signer.of(PRIVATE)
        for number in range(3):
            signer.sign(f"msg_{number}", at=AT, body=BODY)
        assert read == [PRIVATE]

    def test_the_bytes_are_signed_and_not_what_they_say(self) -> None:
        spaced = BODY.replace(b":", b": ")
        assert signed(SECRET)[SIGNATURE_HEADER] != signed(SECRET, body=spaced)[SIGNATURE_HEADER]

    @pytest.mark.parametrize("body", [b"", b"\x00\xff", "löwe".encode(), b"." * 20_000])
    def test_any_bytes_can_be_signed(self, body: bytes) -> None:
        headers = signed(SECRET, PRIVATE, body=body)
        assert verify(SECRET, headers=headers, body=body) == MESSAGE
        assert verify(PUBLIC, headers=headers, body=body) == MESSAGE

    @pytest.mark.parametrize(
        "message_id", ["", "a.b", ".", "a b", "a\n", "a\r\nx: y", "ä", "a\x00", "a" * 256, "\u0661"]
    )
    def test_an_id_that_could_be_read_otherwise_is_refused(self, message_id: str) -> None:
        with pytest.raises(UnsignableError):
            signed(SECRET, message_id=message_id)

    @pytest.mark.parametrize("message_id", ["a", "msg_1", "0194-aa", "a,b", "~!/", "a" * 255])
    def test_any_other_visible_id_is_signed(self, message_id: str) -> None:
        headers = signed(SECRET, message_id=message_id)
        assert verify(SECRET, headers=headers) == message_id

    @pytest.mark.parametrize("at", [datetime(2026, 1, 6), datetime(1969, 12, 31, tzinfo=UTC)])
    def test_a_time_that_is_no_moment_since_1970_is_refused(self, at: datetime) -> None:
        with pytest.raises(UnsignableError):
            Signer.of(SECRET).sign(MESSAGE, at=at, body=BODY)

    def test_without_a_key_nothing_is_signed_or_verified(self) -> None:
        for make in (Signer.of, Verifier.of):
            with pytest.raises(MalformedKeyError):
                make()


class TestVerify:
    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    def test_it_tells_the_id_to_remember(self, key: str) -> None:
        assert verify(key, headers=signed(SECRET, PRIVATE)) == MESSAGE

    def test_names_of_headers_are_read_in_any_case(self) -> None:
        headers = {name.title(): value for name, value in signed(SECRET).items()}
        assert verify(SECRET, headers=headers) == MESSAGE

    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    def test_another_body_is_refused(self, key: str) -> None:
        with pytest.raises(UnverifiedError):
            verify(key, headers=signed(SECRET, PRIVATE), body=BODY + b" ")

    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    @pytest.mark.parametrize(
        ("header", "value"), [(ID_HEADER, MESSAGE + "x"), (TIMESTAMP_HEADER, "1767693601")]
    )
    def test_another_id_or_time_is_refused(self, key: str, header: str, value: str) -> None:
        with pytest.raises(UnverifiedError, match="no webhook-signature"):
            verify(key, headers=signed(SECRET, PRIVATE) | {header: value})

    @pytest.mark.parametrize("key", [OTHER_SECRET, public_key_of(OTHER_PRIVATE)])
    def test_a_key_that_is_not_trusted_is_refused(self, key: str) -> None:
        with pytest.raises(UnverifiedError):
            verify(key, headers=signed(SECRET, PRIVATE))

    def test_a_key_that_the_request_brings_is_not_trusted(self) -> None:
        public = public_key_of(OTHER_PRIVATE)
        headers = signed(OTHER_PRIVATE) | {"webhook-public-key": public, "webhook-key": public}
        with pytest.raises(UnverifiedError):
            verify(PUBLIC, headers=headers)

    @pytest.mark.parametrize("key", [SECRET, OTHER_SECRET])
    def test_while_a_secret_is_replaced_old_and_new_verify(self, key: str) -> None:
        assert verify(key, headers=signed(SECRET, OTHER_SECRET)) == MESSAGE

    @pytest.mark.parametrize("sent_by", [SECRET, OTHER_SECRET, PRIVATE])
    def test_a_receiver_may_trust_several_keys(self, sent_by: str) -> None:
        assert verify(OTHER_SECRET, SECRET, PUBLIC, headers=signed(sent_by)) == MESSAGE

    def test_a_leaked_key_among_others_proves_nothing_to_who_does_not_trust_it(self) -> None:
        forged = signed(OTHER_SECRET, body=b"{}")
        real = signed(SECRET)[SIGNATURE_HEADER]
        headers = forged | {SIGNATURE_HEADER: f"{forged[SIGNATURE_HEADER]} {real}"}
        with pytest.raises(UnverifiedError):
            verify(SECRET, headers=headers, body=b"{}")

    @pytest.mark.parametrize(
        "noise", ["v2,AAAA", "v1", "v1,", "v1a,AAAA", "v1,%%%", "", ",", "ä,ä"]
    )
    def test_what_is_unknown_or_malformed_is_passed_over(self, noise: str) -> None:
        headers = signed(SECRET, PRIVATE)
        mixed = headers | {SIGNATURE_HEADER: f"{noise} {headers[SIGNATURE_HEADER]} {noise}"}
        assert verify(SECRET, headers=mixed) == MESSAGE
        assert verify(PUBLIC, headers=mixed) == MESSAGE
        for key in (SECRET, PUBLIC):
            with pytest.raises(UnverifiedError):
                verify(key, headers=headers | {SIGNATURE_HEADER: noise})

    @pytest.mark.parametrize("key", [SECRET, PUBLIC])
    def test_a_signature_with_something_in_it_is_none(self, key: str) -> None:
        headers = signed(SECRET, PRIVATE)
        headers[SIGNATURE_HEADER] = headers[SIGNATURE_HEADER].replace(",", ",!")
        with pytest.raises(UnverifiedError):
            verify(key, headers=headers)

    def test_a_signature_counts_for_its_own_scheme_only(self) -> None:
        v1, v1a = signatures(signed(SECRET, PRIVATE))
        swapped = f"v1a,{v1.partition(',')[2]} v1,{v1a.partition(',')[2]} V1,{v1.partition(',')[2]}"
        with pytest.raises(UnverifiedError):
            verify(SECRET, PUBLIC, headers=signed(SECRET) | {SIGNATURE_HEADER: swapped})

    def test_a_public_key_is_no_secret(self) -> None:
        """Whoever has the public key could else sign by it with HMAC."""
        as_secret = SECRET_PREFIX + PUBLIC.removeprefix(PUBLIC_PREFIX)
        with pytest.raises(UnverifiedError):
            verify(PUBLIC, headers=signed(as_secret))

    @pytest.mark.parametrize("late", [-TOLERANCE, TOLERANCE])
    def test_five_minutes_are_tolerated_before_and_after(self, late: timedelta) -> None:
        sent = datetime.fromtimestamp(int(SECONDS), UTC)
        assert verify(SECRET, headers=signed(SECRET), at=sent + late) == MESSAGE

    @pytest.mark.parametrize("late", [-TOLERANCE, TOLERANCE])
    def test_more_is_refused_though_it_is_signed(self, late: timedelta) -> None:
        sent = datetime.fromtimestamp(int(SECONDS), UTC)
        over = timedelta(seconds=1) if late > timedelta() else timedelta(seconds=-1)
        with pytest.raises(UnverifiedError, match="far from the present"):
            verify(SECRET, headers=signed(SECRET), at=sent + late + over)

    def test_the_tolerance_may_be_another(self) -> None:
        verifier, at = Verifier.of(SECRET), AT + timedelta(minutes=9)
        longer = timedelta(minutes=10)
        assert verifier.verify(signed(SECRET), body=BODY, at=at, tolerance=longer) == MESSAGE

    @pytest.mark.parametrize("missing", [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER])
    def test_each_header_is_needed(self, missing: str) -> None:
        headers = signed(SECRET)
        del headers[missing]
        with pytest.raises(UnverifiedError, match=missing):
            verify(SECRET, headers=headers)

    @pytest.mark.parametrize(
        "time",
        ["", "-1", "+1767693600", "1767693600.0", " 1767693600", "1_767_693_600", "\u0661", "1e9"],
    )
    def test_a_time_is_digits_and_nothing_else(self, time: str) -> None:
        with pytest.raises(UnverifiedError, match="malformed"):
            verify(SECRET, headers=signed(SECRET) | {TIMESTAMP_HEADER: time})

    def test_a_full_stop_cannot_be_moved_from_the_body_into_the_id(self) -> None:
        """`a` + `1.2` and `a.1` + `2` are the same text: so no id has a full stop."""
        headers = signed(SECRET, message_id="a", body=f"{SECONDS}.{{}}".encode())
        moved = headers | {ID_HEADER: f"a.{SECONDS}"}
        with pytest.raises(UnverifiedError, match="malformed"):
            verify(SECRET, headers=moved, body=b"{}")

    def test_digests_are_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[int] = []

        def watched(first: bytes, second: bytes) -> bool:
            compared.append(len(second))
            return first == second

        monkeypatch.setattr(hmac, "compare_digest", watched)
        verify(OTHER_SECRET, SECRET, headers=signed(SECRET))
        assert compared == [32, 32]


class TestKeys:
    def test_a_new_secret_is_256_random_bits(self) -> None:
        made = {new_secret() for _ in range(100)}
        assert len(made) == 100
        assert {len(decoded(each)) for each in made} == {32}
        assert all(each.startswith("whsec_") for each in made)

    def test_a_new_pair_is_a_private_and_a_public_key_of_ed25519(self) -> None:
        private = new_private_key()
        public = public_key_of(private)
        assert (private[:5], public[:5]) == ("whsk_", "whpk_")
        assert (len(decoded(private)), len(decoded(public))) == (32, 32)
        assert new_private_key() != private

    @pytest.mark.parametrize("size", [24, 25, 32, 63, 64])
    def test_a_secret_has_24_to_64_bytes(self, size: int) -> None:
        secret = SECRET_PREFIX + encoded(bytes(range(size)))
        check_secret(secret)
        assert verify(secret, headers=signed(secret)) == MESSAGE

    @pytest.mark.parametrize("size", [0, 1, 23, 65, 1000])
    def test_a_shorter_or_longer_one_is_refused(self, size: int) -> None:
        secret = SECRET_PREFIX + encoded(bytes(range(256))[:size] * (1 if size < 256 else 4))
        for refuses in (check_secret, Signer.of, Verifier.of):
            with pytest.raises(MalformedKeyError):
                refuses(secret)

    @pytest.mark.parametrize("raw", [b"\x00" * 32, b"a" * 24, b"secret" * 5, b"ab" * 20])
    def test_a_secret_that_repeats_a_few_bytes_is_refused(self, raw: bytes) -> None:
        with pytest.raises(MalformedKeyError, match="random"):
            check_secret(SECRET_PREFIX + encoded(raw))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "whsec_",
            SECRET.removeprefix(SECRET_PREFIX),
            SECRET.upper(),
            SECRET.rstrip("="),
            SECRET + "=",
            SECRET + "\n",
            " " + SECRET,
            SECRET.replace("=", " "),
            "whsec_" + base64.urlsafe_b64encode(b"\xfb\xff\xbe" + bytes(range(24))).decode(),
            # The same bytes, but for bits that nobody reads.
            "whsec_" + encoded(bytes(range(25)))[:-3] + "B==",
            "whsec_ä" + encoded(bytes(range(24))),
            "whsek_" + encoded(bytes(range(24))),
        ],
    )
    def test_a_key_has_one_spelling(self, text: str) -> None:
        with pytest.raises(MalformedKeyError):
            check_secret(text)

    def test_a_secret_key_of_64_bytes_is_read_if_its_halves_belong_together(self) -> None:
        seed, public = decoded(PRIVATE), decoded(PUBLIC)
        both = PRIVATE_PREFIX + encoded(seed + public)
        assert public_key_of(both) == PUBLIC
        assert verify(PUBLIC, headers=signed(both)) == MESSAGE
        with pytest.raises(MalformedKeyError):
            public_key_of(PRIVATE_PREFIX + encoded(public + seed))

    @pytest.mark.parametrize("size", [0, 31, 33, 48, 63, 65])
    def test_a_key_of_another_length_is_none(self, size: int) -> None:
        text = encoded(bytes(size))
        with pytest.raises(MalformedKeyError):
            Signer.of(PRIVATE_PREFIX + text)
        with pytest.raises(MalformedKeyError):
            Verifier.of(PUBLIC_PREFIX + text)

    def test_a_key_does_what_its_prefix_says_and_nothing_else(self) -> None:
        with pytest.raises(MalformedKeyError):
            Signer.of(PUBLIC)
        with pytest.raises(MalformedKeyError):
            Verifier.of(PRIVATE)
        for text in (SECRET, PUBLIC):
            with pytest.raises(MalformedKeyError):
                public_key_of(text)

    def test_no_key_stands_in_a_text_about_it(self) -> None:
        made = (Signer.of(SECRET, PRIVATE), Verifier.of(SECRET, PUBLIC))
        told = "".join(f"{each!r} {each!s} {each._keys!r}" for each in made)
        for key in (SECRET, PRIVATE, PUBLIC):
            assert key.partition("_")[2] not in told
            assert repr(decoded(key)) not in told

    @pytest.mark.parametrize(
        "key",
        [
            SECRET + "x",
            SECRET[6:],
            SECRET[:20],
            SECRET.rstrip("="),
            PRIVATE + "x",
            PUBLIC,
            "s3cr3t",
        ],
    )
    def test_no_key_stands_in_an_error(self, key: str) -> None:
        with pytest.raises(MalformedKeyError) as raised:
            Signer.of(key)
        chain = (raised.value, raised.value.__cause__, raised.value.__context__)
        told = "".join(repr(each) for each in chain)
        assert key.rpartition("_")[2][:8] not in told

    def test_what_signs_cannot_be_changed(self) -> None:
        signer = Signer.of(SECRET)
        with pytest.raises(AttributeError):
            signer._keys = ()  # type: ignore[misc]  # that is the test
        assert copy.copy(signer) == signer

    def test_a_private_key_cannot_be_pickled_by_mistake(self) -> None:
        with pytest.raises(TypeError):
            pickle.dumps(Signer.of(PRIVATE))

    def test_secrets_alone_load_no_cryptography(self) -> None:
        program = (
            "import sys; from shared.core.webhook_signing import *; "
            "Signer.of(new_secret()); sys.exit('cryptography' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
