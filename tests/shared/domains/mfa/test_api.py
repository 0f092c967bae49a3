"""What other functions build on: a login that waits for its second factor, and goes on in its own flow."""

from uuid import UUID, uuid4

import pyotp
import pytest

from shared.adapters.database.sessions import unit_of_work
from shared.core.clock import now
from shared.core.scopes import Scope
from shared.domains.identity.models import User
from shared.domains.mfa import api as mfa
from shared.domains.mfa.errors import InvalidMfaTokenError, SecondFactorRequiredError
from shared.domains.mfa.schemas import SecondFactor
from shared.domains.sessions import api as sessions
from shared.domains.sessions.schemas import Device, Opening, Principal

pytestmark = pytest.mark.anyio

DEVICE = Device(address="192.0.2.1", user_agent="pytest")
ELSEWHERE = Device(address="198.51.100.7", user_agent="another")


@pytest.fixture(autouse=True)
def database(migrated_database_url: str, signing_secret: None) -> None:
    """An empty one."""


async def add_user() -> Principal:
    """A user who has just logged in."""
    user_id = uuid4()
    async with unit_of_work() as session:
        name = f"user-{user_id.hex[-8:]}"
        session.add(User(id=user_id, username=name, email=f"{name}@example.com", password_hash="-"))
        await session.flush()
        pair = await sessions.open_session(session, opening_of(user_id))
    return await principal_of(pair.access_token)


async def principal_of(token: str) -> Principal:
    return await sessions.authenticate(token)


def opening_of(user_id: UUID, **values: object) -> Opening:
    return Opening.model_validate(
        {"user_id": user_id, "device": DEVICE, "methods": ("pwd",), **values}
    )


async def enrol(user: Principal) -> tuple[str, tuple[str, ...]]:
    """Give a user an application; return its secret and the recovery codes."""
    async with unit_of_work() as session:
        secret = (await mfa.enrol_totp(session, user)).secret
    async with unit_of_work() as session:
        code = pyotp.TOTP(secret).generate_otp(int(now().timestamp()) // 30 - 1)
        enrolled = await mfa.confirm_totp(session, user, code=code)
    assert enrolled.recovery_codes is not None
    return secret, enrolled.recovery_codes


def code_of(secret: str) -> str:
    return str(pyotp.TOTP(secret).at(now()))


async def waiting(opening: Opening, flow: str = "oauth") -> str:
    async with unit_of_work() as session:
        challenge = await mfa.challenge_for(session, opening, flow=flow)
    assert challenge is not None
    return challenge.token


class TestChallengeFor:
    async def test_who_has_no_second_factor_is_asked_for_none(self) -> None:
        user = await add_user()
        async with unit_of_work() as session:
            assert await mfa.challenge_for(session, opening_of(user.user_id)) is None
            assert (await mfa.sign_in(session, opening_of(user.user_id))).access_token

    async def test_an_application_that_was_not_confirmed_is_none(self) -> None:
        user = await add_user()
        async with unit_of_work() as session:
            await mfa.enrol_totp(session, user)
        async with unit_of_work() as session:
            assert await mfa.challenge_for(session, opening_of(user.user_id)) is None

    async def test_who_has_one_is_told_what_they_can_send(self) -> None:
        user = await add_user()
        await enrol(user)
        async with unit_of_work() as session:
            challenge = await mfa.challenge_for(session, opening_of(user.user_id))
        assert challenge is not None
        assert challenge.methods == (mfa.Method.TOTP, mfa.Method.RECOVERY_CODE)
        assert challenge.expires_in == 300

    async def test_who_has_shown_several_factors_already_is_asked_for_none(self) -> None:
        user = await add_user()
        await enrol(user)
        async with unit_of_work() as session:
            opening = opening_of(user.user_id, methods=("fed", "mfa"))
            assert await mfa.challenge_for(session, opening) is None


class TestSignIn:
    async def test_it_raises_what_the_login_goes_on_with(self) -> None:
        user = await add_user()
        secret, _ = await enrol(user)
        with pytest.raises(SecondFactorRequiredError) as caught:
            async with unit_of_work() as session:
                await mfa.sign_in(session, opening_of(user.user_id))
        token = str(caught.value.members["mfa_token"])
        given = SecondFactor(mfa_token=token, code=code_of(secret))
        async with unit_of_work() as session:
            opening = await mfa.answer(session, given, device=ELSEWHERE)
        assert opening.user_id == user.user_id


class TestAnswer:
    async def test_it_gives_the_session_that_was_to_begin_and_what_was_proved(self) -> None:
        user = await add_user()
        secret, _ = await enrol(user)
        scopes = frozenset({Scope.ITEMS_READ})
        wanted = opening_of(user.user_id, methods=("fed",), scopes=scopes, client_id="app")
        given = SecondFactor(mfa_token=await waiting(wanted), code=code_of(secret))
        async with unit_of_work() as session:
            opening = await mfa.answer(session, given, device=ELSEWHERE, flow="oauth")
        assert opening == wanted.model_copy(
            update={"device": ELSEWHERE, "methods": ("fed", "otp", "mfa")}
        )

    async def test_a_login_of_one_flow_does_not_go_on_in_another(self) -> None:
        user = await add_user()
        secret, _ = await enrol(user)
        token = await waiting(opening_of(user.user_id, client_id="app"))
        given = SecondFactor(mfa_token=token, code=code_of(secret))
        with pytest.raises(InvalidMfaTokenError):
            async with unit_of_work() as session:
                await mfa.answer(session, given, device=DEVICE)
        async with unit_of_work() as session:
            assert await mfa.answer(session, given, device=DEVICE, flow="oauth")
