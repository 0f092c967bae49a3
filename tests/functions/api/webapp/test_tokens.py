"""Whatever is sent in place of an access token is 401, with the challenge that says so, and never a 500."""

import hmac
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from shared.adapters.signing_keys import CLOCK_SKEW_S, derive_key, signing_key
from shared.adapters.tokens import ACCESS_TOKEN, base64url, sign
from shared.core.clock import now
from tests.web_fixtures import PUBLIC_URL, Log

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True),
]

ME = "/v2/webapp/users/me"


def claims(**changes: Any) -> dict[str, Any]:
    at = int(now().timestamp())
    good = {
        "iss": PUBLIC_URL,
        "aud": PUBLIC_URL,
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "scope": "account profile:read",
        "jti": str(uuid4()),
        "iat": at,
        "exp": at + 900,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


async def header(**changes: Any) -> dict[str, Any]:
    kid = (await signing_key()).thumbprint()
    return {"alg": "ES256", "typ": ACCESS_TOKEN, "kid": kid} | changes


async def unsigned(**changes: Any) -> str:
    parts = (await header(**changes), claims())
    return ".".join(base64url(json.dumps(each).encode()) for each in parts)


async def forged(key: ECKey, **changes: Any) -> str:
    return jwt.encode(await header(**changes), claims(), key, algorithms=["ES256"])


async def confused() -> str:
    """HS256, with the public key for its secret (RFC 8725, section 2.1)."""
    text = await unsigned(alg="HS256")
    secret = (await signing_key()).as_pem(private=False)
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), 'sha256'))}"


async def attacks() -> dict[str, str]:
    good, other = await sign(claims()), derive_key("another secret")
    at = int(now().timestamp())
    far = CLOCK_SKEW_S + 5
    return {
        "algorithm confusion": await confused(),
        "no algorithm": f"{await unsigned(alg='none')}.",
        "foreign kid": await forged(other, kid=other.thumbprint()),
        "foreign key": await forged(other),
        "no kid": await forged(other, kid=""),
        "wrong audience": await sign(claims(aud="https://other.example")),
        "wrong issuer": await sign(claims(iss="https://other.example")),
        "expired": await sign(claims(iat=at - 1800, exp=at - far)),
        "of the future": await sign(claims(iat=at + far, exp=at + 900)),
        "not yet good": await sign(claims(nbf=at + far)),
        "of another kind": await sign(claims(), kind="id+jwt"),
        "no session": await sign(claims(sid=None)),
        "session is no id": await sign(claims(sid="first")),
        "subject is no id": await sign(claims(sub="ada")),
        "owner is no id": await sign(claims(owner=["ada"])),
        "no scope": await sign(claims(scope=None)),
        "scope is a list": await sign(claims(scope=["account"])),
        "truncated": good[:-7],
        "doubled": good + good,
        "over-long": await sign(claims(more="x" * 5000)),
        "no token": "nonsense",
        "dots": "...",
    }


async def answers(webapp: httpx.AsyncClient, token: str) -> tuple[int, str, str | None]:
    answer = await webapp.get(ME, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()["code"], answer.headers.get("WWW-Authenticate")


async def test_each_attack_is_401_and_invalid_token(webapp: httpx.AsyncClient) -> None:
    refusal = (401, "invalid_token", 'Bearer error="invalid_token"')
    for name, token in (await attacks()).items():
        assert (name, await answers(webapp, token)) == (name, refusal)


async def test_a_clock_off_by_60_s_is_no_attack(webapp: httpx.AsyncClient) -> None:
    at = int(now().timestamp())
    for change in ({"iat": at + 55}, {"exp": at - 55, "iat": at - 900}):
        token = await sign(claims(scope="items:read", **change))
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await webapp.get("/v2/webapp/items", headers=bearer)).status_code == 200


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", "Basic YWRhOnB3", "Token abc"])
async def test_without_a_token_the_challenge_names_no_error(
    webapp: httpx.AsyncClient, sent: str
) -> None:
    """RFC 6750, section 3.1."""
    answer = await webapp.get(ME, headers={"Authorization": sent})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_no_refused_token_stands_in_a_log(webapp: httpx.AsyncClient, log: Log) -> None:
    sent = await attacks()
    for token in sent.values():
        await answers(webapp, token)
    written = str(log())
    assert written
    assert [name for name, token in sent.items() if len(token) > 20 and token in written] == []
