"""Guessing a password slows down and stops, and yet nobody is locked out for good by somebody else."""

import asyncio
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from functions.api.webapp.handler import app
from shared.adapters import passwords
from shared.adapters.database.sessions import autocommit
from shared.core.clock import now
from shared.domains.audit.models import AuditEntry
from shared.domains.logins import service
from shared.domains.logins.models import LoginCounter
from shared.domains.logins.repository import FORGIVEN_AFTER, LONGEST_S
from tests.web_fixtures import PASSWORD, Log

pytestmark = pytest.mark.anyio

LOGIN = "/v1/webapp/login"
FREE = service.FREE_BY_ACCOUNT
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


class Clock:
    """The time of login attempts."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> datetime:
        return self.at

    def pass_time(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(service, "now", clock)
    return clock


@pytest.fixture
async def ada(webapp: httpx.AsyncClient) -> str:
    """A user's name."""
    user = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    assert (await webapp.post("/v1/webapp/users", json=user)).status_code == 201
    return "ada"


async def attempt(
    login: str = "ada",
    password: str = "wrong",  # noqa: S107  # none
    *,
    address: str = ELSEWHERE,
) -> httpx.Response:
    transport = httpx.ASGITransport(app, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example.com") as one:
        return await one.post(LOGIN, data={"username": login, "password": password})


async def fail(count: int, login: str = "ada", *, address: str = ELSEWHERE) -> None:
    for _ in range(count):
        assert (await attempt(login, address=address)).status_code == 401


def wait_s(answer: httpx.Response) -> int:
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_login_attempts")
    return int(answer.headers["Retry-After"])


class TestByAccount:
    async def test_after_five_failures_each_wait_is_twice_as_long(
        self, ada: str, clock: Clock
    ) -> None:
        await fail(FREE)
        waits = []
        for _ in range(12):
            waits.append(wait_s(await attempt()))
            clock.pass_time(seconds=waits[-1])
            await fail(1)
        rounded = [wait - 1 for wait in waits]  # the next whole second
        assert rounded == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
        assert rounded[-1] == LONGEST_S

    async def test_the_right_password_is_not_looked_at_meanwhile(
        self, ada: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await fail(FREE)

        async def looked_at(*_: object) -> bool:
            raise AssertionError

        with monkeypatch.context() as patch:
            patch.setattr(passwords, "verify_password", looked_at)
            assert wait_s(await attempt(password=PASSWORD)) == 2
        clock.pass_time(seconds=2)
        assert (await attempt(password=PASSWORD)).status_code == 200

    async def test_a_refused_attempt_makes_the_wait_no_longer(self, ada: str, clock: Clock) -> None:
        await fail(FREE)
        for _ in range(10):
            assert wait_s(await attempt()) == 2

    async def test_a_success_begins_the_count_anew(self, ada: str, clock: Clock) -> None:
        await fail(FREE - 1)
        assert (await attempt(password=PASSWORD)).status_code == 200
        await fail(FREE)

    async def test_so_does_an_hour(self, ada: str, clock: Clock) -> None:
        await fail(FREE)
        clock.pass_time(seconds=FORGIVEN_AFTER.total_seconds() + 1)
        await fail(FREE)
        assert wait_s(await attempt()) == 2

    async def test_name_and_address_are_one_account(self, ada: str, clock: Clock) -> None:
        await fail(FREE - 1, "ADA")
        await fail(1, "ada@example.com")
        wait_s(await attempt("ada"))

    async def test_one_that_does_not_exist_is_treated_alike(
        self, webapp: httpx.AsyncClient, clock: Clock
    ) -> None:
        await fail(FREE, "nobody")
        assert wait_s(await attempt("NOBODY")) == 2

    async def test_of_thirty_guesses_at_once_five_are_looked_at(
        self, ada: str, clock: Clock
    ) -> None:
        answers = await asyncio.gather(*(attempt() for _ in range(30)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [401] * FREE + [429] * (30 - FREE)


class TestTheOwner:
    async def test_where_they_logged_in_before_they_get_in_whatever_others_do(
        self, ada: str, clock: Clock
    ) -> None:
        assert (await attempt(password=PASSWORD, address=HOME)).status_code == 200
        await fail(FREE)
        wait_s(await attempt())
        assert (await attempt(password=PASSWORD, address=HOME)).status_code == 200

    async def test_guesses_from_there_are_counted_too(self, ada: str, clock: Clock) -> None:
        assert (await attempt(password=PASSWORD, address=HOME)).status_code == 200
        await fail(FREE, address=HOME)
        assert wait_s(await attempt(password=PASSWORD, address=HOME)) == 2
        assert (await attempt(password=PASSWORD)).status_code == 200

    async def test_a_place_is_forgotten_after_a_while(self, ada: str, clock: Clock) -> None:
        assert (await attempt(password=PASSWORD, address=HOME)).status_code == 200
        clock.pass_time(days=service.KNOWN_FOR.days, seconds=1)
        await fail(FREE)
        wait_s(await attempt(password=PASSWORD, address=HOME))


class TestByAddress:
    async def test_trying_one_password_on_many_accounts_is_slowed(
        self, ada: str, clock: Clock
    ) -> None:
        for number in range(service.FREE_BY_ADDRESS):
            await fail(1, f"user-{number}")
        assert wait_s(await attempt("somebody-else")) == 2
        assert (await attempt(password=PASSWORD, address=HOME)).status_code == 200

    async def test_who_logged_in_from_there_before_still_gets_in(
        self, ada: str, clock: Clock
    ) -> None:
        assert (await attempt(password=PASSWORD)).status_code == 200
        for number in range(service.FREE_BY_ADDRESS):
            await fail(1, f"user-{number}")
        wait_s(await attempt("somebody-else"))
        assert (await attempt(password=PASSWORD)).status_code == 200

    async def test_this_machines_own_is_nobodys(self, ada: str, clock: Clock) -> None:
        for number in range(service.FREE_BY_ADDRESS + 1):
            await fail(1, f"user-{number}", address="127.0.0.1")

    async def test_an_ipv6_network_is_one_address(self, ada: str, clock: Clock) -> None:
        for number in range(service.FREE_BY_ADDRESS):
            await fail(1, f"user-{number}", address=f"2001:db8::{number + 1:x}")
        wait_s(await attempt("somebody-else", address="2001:db8::ffff"))
        assert (await attempt(password=PASSWORD, address="2001:db8:0:1::1")).status_code == 200


class TestWhatIsTold:
    async def test_the_trail_the_log_and_a_metric_tell_of_an_account_that_is_slowed(
        self, ada: str, clock: Clock, log: Log, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await fail(FREE)
        wait_s(await attempt())
        async with autocommit() as session:
            (entry,) = await session.scalars(select(AuditEntry))
        assert entry.action == "logins.slowed"
        assert capsys.readouterr().out.count('"LoginsSlowed":[1.0]') == 1
        assert "wrong" not in [line.get("password") for line in log()]

    async def test_a_name_of_nobody_stands_in_no_trail_for_it_may_be_a_password(
        self, ada: str, clock: Clock
    ) -> None:
        await fail(FREE, PASSWORD)
        async with autocommit() as session:
            assert list(await session.scalars(select(AuditEntry))) == []

    async def test_the_table_tells_neither_who_nor_from_where(self, ada: str) -> None:
        await fail(1)
        async with autocommit() as session:
            kept = str([row.key for row in await session.scalars(select(LoginCounter))])
        assert "ada" not in kept
        assert ELSEWHERE not in kept
