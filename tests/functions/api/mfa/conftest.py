"""Users with second factors, and the API as the gateway puts it together of two functions."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit
from shared.adapters.outbox.models import OutboxRow
from shared.domains.audit.models import AuditEntry
from shared.domains.mail.events import MailRequested
from tests.second_factors import Authenticator, Clock, code_of
from tests.web_fixtures import PASSWORD, SignUp, client_of

LOGIN = "/v2/webapp/login"
SECOND = f"{LOGIN}/second-factor"
MFA = "/v2/webapp/mfa"
ME = "/v2/webapp/users/me"

type Json = dict[str, Any]
type Join = Callable[[], Awaitable["Person"]]


@dataclass
class Person:
    """A user who is logged in, and what they log in with."""

    api: httpx.AsyncClient
    clock: Clock
    id: str
    username: str
    email: str
    pair: Json
    secret: str = ""
    recovery_codes: tuple[str, ...] = ()

    async def send(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Send a request as them."""
        headers = {"Authorization": f"Bearer {self.pair['access_token']}"}
        return await self.api.request(method, path, json=json, headers=headers)

    async def log_in(self, *, agent: str = "pytest") -> httpx.Response:
        form = {"username": self.username, "password": PASSWORD}
        return await self.api.post(LOGIN, data=form, headers={"User-Agent": agent})

    async def begin(self) -> str:
        """Type the password; return the mfa_token."""
        answer = await self.log_in()
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
        token: str = answer.json()["mfa_token"]
        return token

    async def answer(self, token: str, **second: object) -> httpx.Response:
        return await self.api.post(SECOND, json={"mfa_token": token, **second})

    def code(self, *, steps: int = 0) -> str:
        return code_of(self.secret, self.clock.time, steps=steps)

    async def enrol_totp(self) -> Json:
        """Enrol an application; the step of its first code is then used up."""
        self.secret = (await self.send("POST", f"{MFA}/totp")).json()["secret"]
        answer = await self.send("POST", f"{MFA}/totp/confirmation", {"code": self.code()})
        assert answer.status_code == 200, answer.text
        enrolled: Json = answer.json()
        self.recovery_codes = tuple(enrolled["recovery_codes"] or self.recovery_codes)
        self.clock.move(seconds=30)
        return enrolled

    async def creation_options(self) -> Json:
        answer = await self.send("POST", f"{MFA}/passkeys/options")
        assert answer.status_code == 200, answer.text
        options: Json = answer.json()
        return options

    async def register(self, authenticator: Authenticator, name: str = "Laptop") -> Json:
        credential = authenticator.create(await self.creation_options())
        answer = await self.send("POST", f"{MFA}/passkeys", {"name": name, "passkey": credential})
        assert answer.status_code == 201, answer.text
        registered: Json = answer.json()
        return registered


async def surface(scope: Any, receive: Any, send: Any) -> None:
    """The webapp surface of both functions, by the paths of their specs."""
    from functions.api.mfa.handler import app as mfa
    from functions.api.webapp.handler import app as webapp

    belongs = re.match(r"/v[12]/webapp/(login|mfa)/.", scope["path"])
    await (mfa if belongs else webapp)(scope, receive, send)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


@pytest.fixture
async def api(webapp: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole surface over an empty database, by each driver in turn."""
    async with client_of(surface) as client:
        yield client


@pytest.fixture
def join(api: httpx.AsyncClient, sign_up: SignUp, clock: Clock) -> Join:
    """Registers one more user and logs them in."""

    async def join_one() -> Person:
        member = await sign_up()
        form = {"username": member.username, "password": PASSWORD}
        pair = (await api.post(LOGIN, data=form)).json()
        return Person(api, clock, str(member.id), member.username, member.email, pair)

    return join_one


@pytest.fixture
async def ada(join: Join) -> Person:
    return await join()


async def mails(template: str) -> list[Json]:
    """The mails of a template that were asked for, by their values."""
    async with autocommit() as session:
        wanted = select(OutboxRow.data).where(OutboxRow.type == MailRequested.type)
        rows = await session.scalars(wanted.order_by(OutboxRow.sequence))
        return [row["values"] for row in rows if row["template"] == template]


async def audited(action: str) -> list[AuditEntry]:
    async with autocommit() as session:
        return list(await session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def problem(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a problem document."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
