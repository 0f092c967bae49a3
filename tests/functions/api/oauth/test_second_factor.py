"""A user with a second factor shows it on the pages, too: without it nobody is logged in."""

from uuid import UUID

import httpx
import pyotp
import pytest

from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.domains.mfa import api as mfa
from shared.domains.sessions import api as sessions
from tests.oauth_fixtures import App, Pkce, UserAgent
from tests.web_fixtures import Member, SignUp, token_of

pytestmark = [
    pytest.mark.anyio,
    # One road is enough here: the code flow goes by both.
    pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True),
]


@pytest.fixture
async def member(sign_up: SignUp) -> Member:
    return await sign_up()


@pytest.fixture
async def factors(member: Member) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """The member's authenticator application and recovery codes."""
    user = await sessions.authenticate(await token_of(UUID(member.id)))
    async with unit_of_work() as session:
        totp = pyotp.TOTP((await mfa.enrol_totp(session, user)).secret)
    async with unit_of_work() as session:
        first = totp.generate_otp(int(now().timestamp()) // 30 - 1)
        enrolled = await mfa.confirm_totp(session, user, code=first)
    assert enrolled.recovery_codes
    return totp, enrolled.recovery_codes


@pytest.fixture
async def page(
    confidential: App,
    user_agent: UserAgent,
    member: Member,
    factors: tuple[pyotp.TOTP, tuple[str, ...]],
) -> httpx.Response:
    """What a right password leads to."""
    login = await user_agent.open(confidential.request(Pkce()))
    return await user_agent.log_in(login, member)


def token_in(page: httpx.Response) -> str:
    return page.text.partition('name="mfa_token" value="')[2].partition('"')[0]


async def send(user_agent: UserAgent, page: httpx.Response, code: str) -> httpx.Response:
    return await user_agent.send(page, "code", mfa_token=token_in(page), code=code)


@pytest.mark.parametrize("kind", ["code", "recovery code"])
async def test_a_code_completes_the_login(
    user_agent: UserAgent,
    page: httpx.Response,
    factors: tuple[pyotp.TOTP, tuple[str, ...]],
    member: Member,
    kind: str,
) -> None:
    assert 'autocomplete="one-time-code"' in page.text
    totp, recovery = factors
    code = {"code": totp.now(), "recovery code": recovery[0].lower()}[kind]
    consent = await send(user_agent, page, code)
    assert 'action="consent?' in consent.text
    listed = (await member.client.get("/v2/webapp/sessions")).json()["items"]
    assert [each["methods"] for each in listed if not each["scopes"]] == [["pwd", "otp", "mfa"]]


@pytest.mark.parametrize("code", ["000000", "x", "", "AAAA-BBBB-CCCC"])
async def test_a_wrong_code_is_told_and_may_be_mended(
    user_agent: UserAgent,
    page: httpx.Response,
    factors: tuple[pyotp.TOTP, tuple[str, ...]],
    code: str,
) -> None:
    wrong = await send(user_agent, page, code)
    assert wrong.status_code == 400
    assert "The code is wrong" in wrong.text
    assert 'action="consent?' in (await send(user_agent, wrong, factors[1][0])).text


async def test_after_five_tries_the_login_begins_anew(
    user_agent: UserAgent, page: httpx.Response
) -> None:
    for _ in range(5):
        page = await send(user_agent, page, "000000")
    last = await send(user_agent, page, "000000")
    assert last.status_code in {400, 429}
    assert 'action="consent?' not in last.text


async def test_a_token_that_was_not_given_here_leads_back_to_the_password(
    user_agent: UserAgent, page: httpx.Response
) -> None:
    answer = await user_agent.send(page, "code", mfa_token="x" * 43, code="000000")
    assert answer.status_code == 400
    assert 'action="login?' in answer.text


async def test_a_password_alone_logs_nobody_in(
    confidential: App, user_agent: UserAgent, page: httpx.Response
) -> None:
    again = await user_agent.open(confidential.request(Pkce()))
    assert 'action="login?' in again.text
