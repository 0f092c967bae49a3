"""A login is a session: its tokens rotate, no race signs anybody out, and a revocation ends it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from functions.api.webapp.handler import app
from shared.adapters import tokens
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow
from shared.core.clock import now
from shared.core.scopes import Scope
from shared.domains.audit.models import AuditEntry
from shared.domains.sessions import service
from shared.domains.sessions.events import SessionsRevoked
from shared.domains.sessions.models import RefreshTokenRow, SessionRow
from tests.web_fixtures import PASSWORD, PUBLIC_URL, Log, Member, SignUp, client_of, token_of

pytestmark = pytest.mark.anyio

SESSIONS = "/v1/webapp/sessions"
REFRESH = "/v1/webapp/refresh"
ME = "/v1/webapp/users/me"

type Pair = dict[str, Any]


async def opened(client: httpx.AsyncClient, member: Member, agent: str = "pytest") -> Pair:
    """Log a member in once more."""
    form = {"username": member.username, "password": PASSWORD}
    answer = await client.post("/v1/webapp/login", data=form, headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    pair: Pair = answer.json()
    return pair


async def refreshed(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token})


def bearer(pair: Pair) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


async def claims_of(pair: Pair) -> Any:
    at = int(now().timestamp())
    return await tokens.verify(
        pair["access_token"], issuer=PUBLIC_URL, audience=PUBLIC_URL, now_s=at
    )


async def revocations() -> list[dict[str, Any]]:
    """What the deny list is told, in order."""
    async with autocommit() as session:
        wanted = OutboxRow.type == SessionsRevoked.type
        rows = select(OutboxRow.data).where(wanted).order_by(OutboxRow.sequence)
        return list(await session.scalars(rows))


async def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let that much time pass, for sessions."""
    monkeypatch.setattr(service, "now", lambda: now() + by)


@pytest.fixture
async def member(sign_up: SignUp) -> Member:
    return await sign_up()


@pytest.fixture
async def pair(webapp: httpx.AsyncClient, member: Member) -> Pair:
    return await opened(webapp, member)


@pytest.fixture
async def third_party(member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a token that the member let somebody have, for reading items."""
    token = await token_of(
        UUID(str(member.id)), scopes=frozenset({Scope.ITEMS_READ}), client_id="app"
    )
    async with client_of(app, Authorization=f"Bearer {token}") as client:
        yield client


class TestLogIn:
    async def test_the_token_names_issuer_audience_user_session_and_scopes(
        self, member: Member, pair: Pair
    ) -> None:
        claims = await claims_of(pair)
        assert (claims["iss"], claims["aud"], claims["sub"]) == (PUBLIC_URL, PUBLIC_URL, member.id)
        assert claims["exp"] - claims["iat"] == pair["expires_in"] == 900
        assert claims["scope"] == pair["scope"]
        assert {str(UUID(claims[name])) for name in ("sid", "jti")} == {
            claims["sid"],
            claims["jti"],
        }

    async def test_refresh_tokens_are_kept_as_digests_only(self, pair: Pair) -> None:
        async with autocommit() as session:
            digests = list(await session.scalars(select(RefreshTokenRow.digest)))
        assert hashlib.sha256(pair["refresh_token"].encode()).hexdigest() in digests
        assert pair["refresh_token"] not in digests

    async def test_no_token_stands_in_a_log(
        self, webapp: httpx.AsyncClient, pair: Pair, log: Log
    ) -> None:
        again = (await refreshed(webapp, pair["refresh_token"])).json()
        await webapp.get(ME, headers=bearer(again))
        written = str(log())
        assert written
        for each in (pair, again):
            assert each["access_token"] not in written
            assert each["refresh_token"] not in written


class TestRefresh:
    async def test_it_gives_a_pair_that_works_in_the_same_session(
        self, webapp: httpx.AsyncClient, pair: Pair
    ) -> None:
        answer = await refreshed(webapp, pair["refresh_token"])
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        again = answer.json()
        assert again["refresh_token"] != pair["refresh_token"]
        assert (await claims_of(again))["sid"] == (await claims_of(pair))["sid"]
        assert (await webapp.get(ME, headers=bearer(again))).status_code == 200

    async def test_200_by_fifty_at_once_get_one_successor(
        self, webapp: httpx.AsyncClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # At one moment of the clock: a busy machine may need more than the grace. Fifty, for one process has
        # 64 threads for statements; tests/e2e sends to several processes.
        at = now()
        monkeypatch.setattr(service, "now", lambda: at)
        gate = asyncio.Semaphore(50)

        async def refreshed_in_turn() -> httpx.Response:
            async with gate:
                return await refreshed(webapp, pair["refresh_token"])

        answers = await asyncio.gather(*(refreshed_in_turn() for _ in range(200)))
        assert {answer.status_code for answer in answers} == {200}
        (successor,) = {answer.json()["refresh_token"] for answer in answers}
        assert (await refreshed(webapp, successor)).status_code == 200
        async with autocommit() as session:
            assert await session.scalar(select(func.count(RefreshTokenRow.id))) == 1 + 3

    async def test_within_the_grace_a_spent_token_gives_its_successor_still(
        self, webapp: httpx.AsyncClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = (await refreshed(webapp, pair["refresh_token"])).json()
        await later(monkeypatch, service.GRACE - timedelta(seconds=2))
        answer = await refreshed(webapp, pair["refresh_token"])
        assert answer.json()["refresh_token"] == first["refresh_token"]
        assert await revocations() == []

    async def test_within_the_grace_even_where_the_successor_was_spent_too(
        self, webapp: httpx.AsyncClient, pair: Pair
    ) -> None:
        first = (await refreshed(webapp, pair["refresh_token"])).json()
        await refreshed(webapp, first["refresh_token"])
        answer = await refreshed(webapp, pair["refresh_token"])
        assert answer.json()["refresh_token"] == first["refresh_token"]

    async def test_reuse_after_the_grace_ends_the_session_and_is_a_security_event(
        self,
        webapp: httpx.AsyncClient,
        member: Member,
        pair: Pair,
        monkeypatch: pytest.MonkeyPatch,
        log: Log,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        newest = (await refreshed(webapp, pair["refresh_token"])).json()
        await later(monkeypatch, service.GRACE + timedelta(seconds=2))
        answer = await refreshed(webapp, pair["refresh_token"])
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")
        assert (await refreshed(webapp, newest["refresh_token"])).status_code == 401
        sid = (await claims_of(pair))["sid"]
        (revoked,) = await revocations()
        assert revoked == {
            "user_id": str(member.id),
            "session_ids": [sid],
            "reason": "refresh_token_reused",
        }
        async with autocommit() as session:
            (entry,) = await session.scalars(select(AuditEntry))
        assert (entry.action, entry.subject) == (
            "sessions.refresh_token_reused",
            f"session:{sid}",
        )
        assert any(line["message"] == "a refresh token was used again" for line in log())
        assert '"RefreshTokenReused":[1.0]' in capsys.readouterr().out

    async def test_another_session_lives_on_after_that(
        self, webapp: httpx.AsyncClient, member: Member, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stolen, other = await opened(webapp, member), await opened(webapp, member)
        await refreshed(webapp, stolen["refresh_token"])
        await later(monkeypatch, timedelta(minutes=1))
        assert (await refreshed(webapp, stolen["refresh_token"])).status_code == 401
        assert (await refreshed(webapp, other["refresh_token"])).status_code == 200

    @pytest.mark.parametrize("change", ["cut", "doubled", "longer", "other"])
    async def test_one_that_was_never_given_is_401(
        self, webapp: httpx.AsyncClient, pair: Pair, change: str
    ) -> None:
        token = pair["refresh_token"]
        wrong = {"cut": token[:-1], "doubled": token * 2, "longer": token + "A", "other": "x" * 43}
        answer = await refreshed(webapp, wrong[change])
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")
        assert (await refreshed(webapp, token)).status_code == 200

    @pytest.mark.parametrize("token", ["", "a b", "é", "x" * 257, "a\u0000", None, 7])
    async def test_what_is_no_token_is_422(self, webapp: httpx.AsyncClient, token: object) -> None:
        answer = await webapp.post(REFRESH, json={"refresh_token": token})
        assert answer.status_code == 422
        assert "input" not in answer.json()["errors"][0]

    async def test_an_access_token_refreshes_nothing(
        self, webapp: httpx.AsyncClient, pair: Pair
    ) -> None:
        assert (await refreshed(webapp, pair["access_token"])).status_code == 422

    async def test_one_of_a_third_party_is_401_here(
        self, webapp: httpx.AsyncClient, pair: Pair
    ) -> None:
        async with unit_of_work() as session:
            sid = UUID((await claims_of(pair))["sid"])
            changed = update(SessionRow).where(SessionRow.id == sid).values(client_id="app")
            await session.execute(changed)
        assert (await refreshed(webapp, pair["refresh_token"])).status_code == 401

    async def test_a_session_ends_when_it_is_not_refreshed_for_30_days(
        self, webapp: httpx.AsyncClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await later(monkeypatch, timedelta(days=30, minutes=1))
        assert (await refreshed(webapp, pair["refresh_token"])).status_code == 401

    async def test_and_after_180_days_however_often_it_is(
        self, webapp: httpx.AsyncClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = pair["refresh_token"]
        for day in range(29, 180, 29):
            await later(monkeypatch, timedelta(days=day))
            answer = await refreshed(webapp, token)
            assert answer.status_code == 200
            token = answer.json()["refresh_token"]
        await later(monkeypatch, timedelta(days=180, minutes=1))
        assert (await refreshed(webapp, token)).status_code == 401


class TestLogOut:
    async def test_this_session_ends_and_its_tokens_with_it(
        self, webapp: httpx.AsyncClient, pair: Pair, deny_list: set[UUID]
    ) -> None:
        answer = await webapp.post("/v1/webapp/logout", headers=bearer(pair))
        assert answer.status_code == 204
        assert (await refreshed(webapp, pair["refresh_token"])).status_code == 401
        (event,) = await revocations()
        deny_list.update(UUID(each) for each in event["session_ids"])
        denied = await webapp.get(ME, headers=bearer(pair))
        assert (denied.status_code, denied.json()["code"]) == (401, "invalid_token")
        assert denied.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    async def test_the_others_stay(
        self, webapp: httpx.AsyncClient, member: Member, pair: Pair
    ) -> None:
        await webapp.post("/v1/webapp/logout", headers=bearer(pair))
        assert len((await member.client.get(SESSIONS)).json()["items"]) == 1

    async def test_without_a_token_is_401(self, webapp: httpx.AsyncClient) -> None:
        answer = await webapp.post("/v1/webapp/logout")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


class TestList:
    async def test_each_tells_device_times_and_which_is_this(
        self, webapp: httpx.AsyncClient, member: Member
    ) -> None:
        await opened(webapp, member, "Pocket/1.0")
        newest, older = (await member.client.get(SESSIONS)).json()["items"]
        assert (newest["device"], newest["current"], older["current"]) == (
            "Pocket/1.0",
            False,
            True,
        )
        assert newest["address"]
        assert newest["methods"] == ["pwd"]
        seen = datetime.fromisoformat(newest["last_seen_at"])
        assert datetime.fromisoformat(newest["expires_at"]) - seen == timedelta(days=30)

    async def test_a_refresh_is_seen(
        self, webapp: httpx.AsyncClient, member: Member, pair: Pair
    ) -> None:
        before = (await member.client.get(SESSIONS)).json()["items"][0]
        body = {"refresh_token": pair["refresh_token"]}
        await webapp.post(REFRESH, json=body, headers={"User-Agent": "Newer/2.0"})
        after = (await member.client.get(SESSIONS)).json()["items"][0]
        assert after["id"] == before["id"]
        assert after["last_seen_at"] > before["last_seen_at"]
        assert after["device"] == "Newer/2.0"

    async def test_others_sessions_and_ended_ones_are_not_told(
        self, webapp: httpx.AsyncClient, sign_up: SignUp, member: Member, pair: Pair
    ) -> None:
        await webapp.post("/v1/webapp/logout", headers=bearer(pair))
        other = await sign_up()
        (mine,) = (await member.client.get(SESSIONS)).json()["items"]
        (theirs,) = (await other.client.get(SESSIONS)).json()["items"]
        assert mine["id"] != theirs["id"]

    async def test_a_third_partys_token_may_not(self, third_party: httpx.AsyncClient) -> None:
        answer = await third_party.get(SESSIONS)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert answer.headers["WWW-Authenticate"] == (
            'Bearer error="insufficient_scope", scope="account"'
        )


class TestRevoke:
    async def test_one_of_several(
        self, webapp: httpx.AsyncClient, member: Member, pair: Pair
    ) -> None:
        sid = (await claims_of(pair))["sid"]
        assert (await member.client.delete(f"{SESSIONS}/{sid}")).status_code == 204
        assert (await refreshed(webapp, pair["refresh_token"])).status_code == 401
        assert len((await member.client.get(SESSIONS)).json()["items"]) == 1

    async def test_somebody_elses_is_404_and_lives_on(
        self, webapp: httpx.AsyncClient, sign_up: SignUp, pair: Pair
    ) -> None:
        other = await sign_up()
        answer = await other.client.delete(f"{SESSIONS}/{(await claims_of(pair))['sid']}")
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
        assert (await refreshed(webapp, pair["refresh_token"])).status_code == 200

    async def test_an_unknown_or_ended_one_is_404(self, member: Member, pair: Pair) -> None:
        path = f"{SESSIONS}/{(await claims_of(pair))['sid']}"
        assert (await member.client.delete(f"{SESSIONS}/{uuid4()}")).status_code == 404
        assert (await member.client.delete(path)).status_code == 204
        assert (await member.client.delete(path)).status_code == 404

    async def test_all_this_one_included(
        self, webapp: httpx.AsyncClient, member: Member, pair: Pair
    ) -> None:
        assert (await member.client.delete(SESSIONS)).status_code == 204
        assert (await refreshed(webapp, pair["refresh_token"])).status_code == 401
        (event,) = await revocations()
        assert (len(event["session_ids"]), event["reason"]) == (2, "revoked")

    async def test_very_many_are_told_in_several_events(self, member: Member) -> None:
        at, count = now(), service.REVOKED_AT_ONCE
        async with unit_of_work() as session:
            session.add_all(
                SessionRow(
                    user_id=UUID(str(member.id)),
                    scope="",
                    methods=[],
                    device="",
                    address="",
                    last_seen_at=at,
                    expires_at=at + timedelta(days=1),
                )
                for _ in range(count)
            )
        assert (await member.client.delete(SESSIONS)).status_code == 204
        assert [len(each["session_ids"]) for each in await revocations()] == [count, 1]


class TestWithoutTheDenyList:
    async def test_a_function_outside_the_network_asks_the_database(
        self, webapp: httpx.AsyncClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.adapters.denials.are_at_hand", lambda: False)
        assert (await webapp.get(ME, headers=bearer(pair))).status_code == 200
        await webapp.post("/v1/webapp/logout", headers=bearer(pair))
        assert (await webapp.get(ME, headers=bearer(pair))).status_code == 401
