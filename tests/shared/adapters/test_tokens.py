import json
from base64 import urlsafe_b64decode

import pytest

from shared.adapters.tokens import InvalidTokenError, derive_key, sign, verify

NOW_S = 1_800_000_000
CLAIMS = {"iss": "us", "aud": "us", "sub": "ada", "iat": NOW_S, "exp": NOW_S + 900}
KEY = derive_key("s" * 64)


def test_a_token_gives_back_its_claims() -> None:
    token = sign(CLAIMS, key=KEY)
    assert verify(token, key=KEY, issuer="us", audience="us", now_s=NOW_S + 899) == CLAIMS


def test_one_secret_gives_one_key_and_another_another() -> None:
    assert derive_key("s" * 64).thumbprint() == KEY.thumbprint()
    assert derive_key("t" * 64).thumbprint() != KEY.thumbprint()


def test_the_header_names_algorithm_and_key_and_holds_no_private_part() -> None:
    header, *_ = sign(CLAIMS, key=KEY).split(".")
    read = json.loads(urlsafe_b64decode(header + "=="))
    assert read == {"alg": "ES256", "typ": "JWT", "kid": KEY.thumbprint()}


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "them"},
        {"aud": "them"},
        {"exp": NOW_S - 1},
        {"exp": None},
        {"sub": None},
        {"exp": "soon"},
    ],
)
def test_other_claims_are_refused(change: dict[str, object]) -> None:
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    with pytest.raises(InvalidTokenError):
        verify(sign(claims, key=KEY), key=KEY, issuer="us", audience="us", now_s=NOW_S)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_changed_part_is_refused(place: int) -> None:
    parts = sign(CLAIMS, key=KEY).split(".")
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    with pytest.raises(InvalidTokenError):
        verify(".".join(parts), key=KEY, issuer="us", audience="us", now_s=NOW_S)
