"""Codes are those of RFC 6238, within a step of the clock, and recovery codes are hard to guess or misread."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.adapters.one_time_codes import (
    canonical_recovery_code,
    new_recovery_code,
    new_secret,
    provisioning_uri,
    step_of,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
# RFC 6238, appendix B, SHA-1: the last six of its eight digits.
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class TestStepOf:
    @pytest.mark.parametrize(("seconds", "code"), VECTORS)
    def test_codes_are_those_of_the_rfc(self, seconds: int, code: str) -> None:
        assert step_of(SECRET, code, at=at(seconds), after=None) == seconds // 30

    @pytest.mark.parametrize(
        ("seconds", "accepted"),
        [
            (-60.5, False),
            (-29.5, True),
            (-0.5, True),
            (0, True),
            (29.5, True),
            (59.5, True),
            (60, False),
        ],
    )
    def test_a_code_is_good_while_it_is_shown_and_half_a_minute_around(
        self, seconds: float, *, accepted: bool
    ) -> None:
        shown_from = 1111111110  # the code of 1111111111
        step = step_of(SECRET, "050471", at=at(shown_from + seconds), after=None)
        assert (step is not None) == accepted

    def test_one_that_was_used_or_is_older_is_none(self) -> None:
        step = 1111111111 // 30
        assert step_of(SECRET, "050471", at=at(1111111111), after=step) is None
        assert step_of(SECRET, "050471", at=at(1111111111), after=step - 1) == step
        assert step_of(SECRET, "081804", at=at(1111111111), after=step) is None

    @pytest.mark.parametrize("code", ["", "050472", "50471", "0504711"])
    def test_another_is_none(self, code: str) -> None:
        assert step_of(SECRET, code, at=at(1111111111), after=None) is None


def test_a_secret_has_160_bits_and_is_another_each_time() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(base64.b32decode(each)) for each in secrets} == {20}


def test_the_address_names_issuer_and_account() -> None:
    uri = urlsplit(provisioning_uri(SECRET, account="ada@home: 1", issuer="Switch yard"))
    assert (uri.scheme, uri.netloc, uri.path) == (
        "otpauth",
        "totp",
        "/Switch%20yard:ada%40home%3A%201",
    )
    assert parse_qs(uri.query) == {"secret": [SECRET], "issuer": ["Switch yard"]}


class TestRecoveryCode:
    def test_it_has_sixty_bits_in_three_groups(self) -> None:
        codes = [new_recovery_code() for _ in range(200)]
        assert len(set(codes)) == 200
        assert {tuple(map(len, each.split("-"))) for each in codes} == {(4, 4, 4)}
        used = set("".join(codes)) - {"-"}
        assert used == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")

    @pytest.mark.parametrize(
        "typed", ["7K3M-9QXD-20VB", "7k3m9qxd2ovb", " 7K3M 9QXD 2OVB ", "7K3M--9QXD-20VB"]
    )
    def test_it_is_the_same_however_it_is_typed(self, typed: str) -> None:
        assert canonical_recovery_code(typed) == "7K3M9QXD20VB"

    def test_i_and_l_are_one(self) -> None:
        assert canonical_recovery_code("iLIl") == "1111"
