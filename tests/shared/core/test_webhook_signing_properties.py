"""Whatever is signed is verified, and nothing else is, whoever changed it and wherever."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.core.webhook_signing import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE,
    MalformedKeyError,
    Signer,
    UnsignableError,
    UnverifiedError,
    Verifier,
    check_secret,
    public_key_of,
)


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


# The machine may be busy, and hypothesis reads all of Unicode at its first text.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

secret_bytes = st.binary(min_size=24, max_size=64).filter(lambda raw: len(set(raw)) >= 8)
secrets = secret_bytes.map(lambda raw: "whsec_" + encoded(raw))
private_keys = st.binary(min_size=32, max_size=32).map(lambda raw: "whsk_" + encoded(raw))
signing_keys = st.lists(secrets | private_keys, min_size=1, max_size=4, unique=True)
visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=".")
message_ids = st.text(visible, min_size=1, max_size=255)
bodies = st.binary(max_size=2000)
moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))
skews = st.timedeltas(-TOLERANCE + timedelta(seconds=1), TOLERANCE - timedelta(seconds=1))


def verifying(key: str) -> str:
    return key if key.startswith("whsec_") else public_key_of(key)


@patiently
@given(
    keys=signing_keys, message_id=message_ids, body=bodies, at=moments, skew=skews, data=st.data()
)
def test_any_key_of_the_senders_verifies_what_was_signed(
    keys: list[str],
    message_id: str,
    body: bytes,
    at: datetime,
    skew: timedelta,
    data: st.DataObject,
) -> None:
    headers = Signer.of(*keys).sign(message_id, at=at, body=body)
    trusted = verifying(data.draw(st.sampled_from(keys)))
    assert Verifier.of(trusted).verify(headers, body=body, at=at + skew) == message_id


@patiently
@given(keys=signing_keys, body=bodies, other=bodies, at=moments)
def test_no_other_body_is_verified(
    keys: list[str], body: bytes, other: bytes, at: datetime
) -> None:
    assume(body != other)
    headers = Signer.of(*keys).sign("msg_1", at=at, body=body)
    with pytest.raises(UnverifiedError):
        Verifier.of(*map(verifying, keys)).verify(headers, body=other, at=at)


@patiently
@given(keys=signing_keys, body=st.binary(min_size=1, max_size=200), at=moments, data=st.data())
def test_no_bit_of_the_body_can_be_turned(
    keys: list[str], body: bytes, at: datetime, data: st.DataObject
) -> None:
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    turned = bytearray(body)
    turned[bit // 8] ^= 1 << bit % 8
    headers = Signer.of(*keys).sign("msg_1", at=at, body=body)
    with pytest.raises(UnverifiedError):
        Verifier.of(*map(verifying, keys)).verify(headers, body=bytes(turned), at=at)


@patiently
@given(key=secrets | private_keys, at=moments, data=st.data())
def test_no_bit_of_a_signature_can_be_turned(key: str, at: datetime, data: st.DataObject) -> None:
    headers = Signer.of(key).sign("msg_1", at=at, body=b"{}")
    scheme, _, text = headers[SIGNATURE_HEADER].partition(",")
    signature = bytearray(base64.b64decode(text))
    bit = data.draw(st.integers(0, len(signature) * 8 - 1))
    signature[bit // 8] ^= 1 << bit % 8
    headers[SIGNATURE_HEADER] = f"{scheme},{encoded(bytes(signature))}"
    with pytest.raises(UnverifiedError):
        Verifier.of(verifying(key)).verify(headers, body=b"{}", at=at)


@patiently
@given(key=secrets | private_keys, at=moments, first=message_ids, second=message_ids)
def test_a_signature_is_for_one_message(key: str, at: datetime, first: str, second: str) -> None:
    assume(first != second)
    headers = Signer.of(key).sign(first, at=at, body=b"{}") | {ID_HEADER: second}
    with pytest.raises(UnverifiedError):
        Verifier.of(verifying(key)).verify(headers, body=b"{}", at=at)


@patiently
@given(key=secrets | private_keys, at=moments, moved=st.integers(-290, 290).filter(bool))
def test_a_signature_is_for_one_second(key: str, at: datetime, moved: int) -> None:
    headers = Signer.of(key).sign("msg_1", at=at, body=b"{}")
    headers[TIMESTAMP_HEADER] = str(int(headers[TIMESTAMP_HEADER]) + moved)
    with pytest.raises(UnverifiedError):
        Verifier.of(verifying(key)).verify(headers, body=b"{}", at=at)


@patiently
@given(ours=signing_keys, theirs=signing_keys, at=moments)
def test_the_keys_of_others_verify_nothing(
    ours: list[str], theirs: list[str], at: datetime
) -> None:
    assume(not set(ours) & set(theirs))
    headers = Signer.of(*theirs).sign("msg_1", at=at, body=b"{}")
    with pytest.raises(UnverifiedError):
        Verifier.of(*map(verifying, ours)).verify(headers, body=b"{}", at=at)


@patiently
@given(
    headers=st.dictionaries(
        st.sampled_from([ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER]),
        st.text(max_size=200) | st.integers(0, 10**12).map(str),
    ),
    body=bodies,
    key=secrets | private_keys,
)
def test_whatever_comes_is_refused_and_never_an_accident(
    headers: dict[str, str], body: bytes, key: str
) -> None:
    with pytest.raises(UnverifiedError):
        Verifier.of(verifying(key)).verify(headers, body=body, at=NEW_YEAR)


@patiently
@given(message_id=st.text(max_size=300), body=bodies, at=moments)
def test_what_is_signed_can_be_read_in_one_way_only(
    message_id: str, body: bytes, at: datetime
) -> None:
    """The signed content tells the id and the time, whatever the body holds."""
    try:
        headers = Signer.of("whsec_" + encoded(bytes(range(32)))).sign(message_id, at=at, body=body)
    except UnsignableError:
        return
    content = b".".join((message_id.encode(), headers[TIMESTAMP_HEADER].encode(), body))
    assert content.split(b".", 2)[0].decode() == headers[ID_HEADER]
    assert content.split(b".", 2)[1].decode() == headers[TIMESTAMP_HEADER]
    assert content.split(b".", 2)[2] == body


@patiently
@given(text=st.text(max_size=120) | st.text(max_size=100).map(lambda text: "whsec_" + text))
def test_no_text_is_anything_but_a_secret_or_refused(text: str) -> None:
    try:
        check_secret(text)
    except MalformedKeyError:
        return
    headers = Signer.of(text).sign("msg_1", at=NEW_YEAR, body=b"")
    assert Verifier.of(text).verify(headers, body=b"", at=NEW_YEAR) == "msg_1"
