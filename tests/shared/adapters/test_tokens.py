"""What proves a caller: forged, foreign, expired and otherwise wrong tokens are refused."""

import hmac
import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from shared.adapters.signing_keys import CLOCK_SKEW_S, derive_key, signing_key
from shared.adapters.tokens import (
    ACCESS_TOKEN,
    LONGEST,
    InvalidTokenError,
    base64url,
    sign,
    verify,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signing_secret")]

NOW_S = 1_800_000_000
CLAIMS = {
    "iss": "us",
    "aud": "us",
    "sub": "ada",
    "jti": "1",
    "iat": NOW_S,
    "exp": NOW_S + 900,
}


async def checked(token: str, *, now_s: int = NOW_S, kind: str = ACCESS_TOKEN) -> Any:
    return await verify(token, issuer="us", audience="us", now_s=now_s, kind=kind)


async def refused(token: str, *, now_s: int = NOW_S) -> bool:
    with pytest.raises(InvalidTokenError):
        await checked(token, now_s=now_s)
    return True


async def header(**changes: Any) -> dict[str, Any]:
    kid = (await signing_key()).thumbprint()
    return {"alg": "ES256", "typ": ACCESS_TOKEN, "kid": kid} | changes


async def forged(key: Any, **changes: Any) -> str:
    head = await header(**changes)
    return jwt.encode(head, dict(CLAIMS), key, algorithms=[head["alg"]])


async def test_a_token_gives_back_its_claims() -> None:
    assert await checked(await sign(CLAIMS), now_s=NOW_S + 899) == CLAIMS


async def test_the_header_names_algorithm_and_key_and_holds_no_private_part() -> None:
    first, *_ = (await sign(CLAIMS)).split(".")
    assert json.loads(urlsafe_b64decode(first + "==")) == await header()


def test_one_secret_gives_one_key_and_another_another() -> None:
    assert derive_key("s" * 64).thumbprint() == derive_key("s" * 64).thumbprint()
    assert derive_key("t" * 64).thumbprint() != derive_key("s" * 64).thumbprint()


class TestClaims:
    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "them"},
            {"iss": None},
            {"aud": "them"},
            {"aud": ["them"]},
            {"aud": None},
            {"sub": None},
            {"jti": None},
            {"iat": None},
            {"exp": None},
            {"exp": "soon"},
            {"nbf": NOW_S + CLOCK_SKEW_S + 1},
            {"iat": NOW_S + CLOCK_SKEW_S + 1},
        ],
    )
    async def test_others_are_refused(self, change: dict[str, object]) -> None:
        claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
        assert await refused(await sign(claims))

    async def test_a_clock_may_be_off_by_a_minute_but_no_more(self) -> None:
        token = await sign(CLAIMS)
        await checked(token, now_s=NOW_S + 900 + CLOCK_SKEW_S - 1)
        await checked(token, now_s=NOW_S - CLOCK_SKEW_S)
        assert await refused(token, now_s=NOW_S + 900 + CLOCK_SKEW_S + 1)
        assert await refused(token, now_s=NOW_S - CLOCK_SKEW_S - 1)


class TestSignature:
    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_a_changed_part_is_refused(self, place: int) -> None:
        parts = (await sign(CLAIMS)).split(".")
        parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
        assert await refused(".".join(parts))

    async def test_that_of_another_key_is_refused(self) -> None:
        assert await refused(await forged(derive_key("another secret")))

    async def test_that_of_another_key_by_its_own_id_is_refused(self) -> None:
        other = derive_key("another secret")
        assert await refused(await forged(other, kid=other.thumbprint()))

    async def test_a_key_in_the_header_is_not_believed(self) -> None:
        other = derive_key("another secret")
        assert await refused(await forged(other, jwk=other.as_dict(private=False)))

    async def test_without_one_it_is_refused(self) -> None:
        signed = (await sign(CLAIMS)).split(".")
        for name in ("none", "None", "NONE"):
            head = base64url(json.dumps(await header(alg=name)).encode())
            for signature in ("", signed[2]):
                assert await refused(f"{head}.{signed[1]}.{signature}")

    async def test_the_public_key_is_no_shared_secret(self) -> None:
        """The algorithm confusion of RFC 8725, section 2.1."""
        public = (await signing_key()).as_pem(private=False)
        for text in (public, public.strip()):
            parts = (await header(alg="HS256"), CLAIMS)
            signed = ".".join(base64url(json.dumps(each).encode()) for each in parts)
            signature = hmac.digest(text, signed.encode(), "sha256")
            assert await refused(f"{signed}.{base64url(signature)}")

    @pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
    async def test_another_algorithm_is_refused(self, algorithm: str) -> None:
        key: RSAKey | ECKey = (
            RSAKey.generate_key(2048) if algorithm == "RS256" else ECKey.generate_key("P-384")
        )
        assert await refused(await forged(key, alg=algorithm))


class TestForm:
    @pytest.mark.parametrize(
        "made",
        ["", ".", "..", "...", "a.b.c", "nonsense", "\u00e9.\u00e9.\u00e9", "a" * (LONGEST + 1)],
    )
    async def test_what_is_no_token_is_refused(self, made: str) -> None:
        assert await refused(made)

    async def test_cut_and_doubled_ones_are_refused(self) -> None:
        token = await sign(CLAIMS)
        for wrong in (token[:-1], token[1:], token * 2, f"{token}.{token}", token + "A"):
            assert await refused(wrong)

    async def test_an_overlong_one_is_refused_unread(self) -> None:
        assert await refused(await sign(CLAIMS | {"more": "x" * LONGEST}))

    async def test_one_of_another_kind_is_refused(self) -> None:
        other = await sign(CLAIMS, kind="id+jwt")
        assert await refused(other)
        assert await checked(other, kind="id+jwt") == CLAIMS

    @pytest.mark.parametrize("payload", [b"[]", b"null", b'"text"', b"\xff", b"{"])
    async def test_signed_nonsense_is_refused(self, payload: bytes) -> None:
        key = await signing_key()
        made = jws.serialize_compact(await header(), payload, key, algorithms=["ES256"])
        assert await refused(made)
