"""The rules of identity."""

from uuid import UUID

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import passwords
from shared.adapters.idempotency import idempotency
from shared.adapters.outbox import outbox
from shared.config.identity import password_settings
from shared.core.errors import InvalidAccessTokenError
from shared.core.passwords import canonical, is_guessable
from shared.domains.audit import api as audit
from shared.domains.identity import repository
from shared.domains.identity.errors import (
    InvalidCredentialsError,
    NoSuchUserError,
    OperatorsOnlyError,
    WeakPasswordError,
    WrongPasswordError,
)
from shared.domains.identity.events import UserDeleted
from shared.domains.identity.models import User
from shared.domains.identity.schemas import Registration, Role, UserChange
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate

SERVICE = "switchyard"
"""A word that belongs into nobody's password here."""


async def register(session: AsyncSession, registration: Registration) -> User:
    """Make a user, who gets a mail. Raises WeakPasswordError, UsernameTakenError, EmailTakenError."""
    username, email = registration.username, registration.email
    password = _acceptable(registration.password, context=(username, email))
    hash_ = await passwords.hash_password(password)
    user = User(username=username, email=email, password_hash=hash_)
    await repository.save(session, user)
    await mail.request(
        session,
        to=email,
        template=MailTemplate.WELCOME,
        locale=user.locale,
        values={"username": username},
    )
    return user


async def check_credentials(session: AsyncSession, *, login: str, password: str) -> UUID:
    """Return a user's id. Raises InvalidCredentialsError, after the same time in every case."""
    user = await repository.find_by_login(session, login)
    typed = canonical(password)
    matches = await passwords.verify_password(typed, user.password_hash if user else None)
    if user is None or not matches:
        raise InvalidCredentialsError
    if passwords.is_outdated(user.password_hash):
        await repository.replace_hash(session, user, await passwords.hash_password(typed))
    return user.id


async def get(session: AsyncSession, user_id: UUID) -> User:
    """Return a user. Raises InvalidAccessTokenError: only a token can name one that is gone."""
    user = await repository.find(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    return user


async def find(session: AsyncSession, user_id: UUID) -> User | None:
    """Return a user, or None."""
    return await repository.find(session, user_id)


async def confirm_password(session: AsyncSession, *, user_id: UUID, password: str) -> None:
    """Make sure that a user knows their password. Raises WrongPasswordError, InvalidAccessTokenError."""
    user = await repository.find_with_hash(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    if not await passwords.verify_password(canonical(password), user.password_hash):
        raise WrongPasswordError


async def delete(session: AsyncSession, user_id: UUID) -> None:
    """Delete a user and all that still belongs to them; nothing where there is none."""
    if await repository.remove(session, user_id):
        await idempotency.forget_user(session, user_id)
        outbox.add(session, UserDeleted(user_id=user_id))


async def change(session: AsyncSession, *, user_id: UUID, change: UserChange) -> User:
    """Change a user.

    Raises WrongPasswordError, WeakPasswordError, UsernameTakenError, EmailTakenError and, where the
    user is gone, InvalidAccessTokenError.
    """
    user = await repository.find_for_change(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    if change.username is not MISSING:
        user.username = change.username
    if change.email is not MISSING:
        user.email = change.email
    if change.password is not MISSING:
        await _change_password(user, change)
    await repository.save(session, user)
    return user


async def require_operator(session: AsyncSession, user_id: UUID) -> None:
    """Make sure that a user is an operator now. Raises OperatorsOnlyError, InvalidAccessTokenError."""
    match await repository.find_role(session, user_id):
        case None:
            raise InvalidAccessTokenError
        case Role.OPERATOR:
            return
        case _:
            raise OperatorsOnlyError


async def set_role(session: AsyncSession, *, username: str, role: Role) -> User:
    """Give a user a role, and record a change in the audit trail. Raises NoSuchUserError."""
    user = await repository.find_by_name_for_change(session, username)
    if user is None:
        raise NoSuchUserError(username)
    if user.role is not role:
        audit.record(
            session,
            action="identity.role_changed",
            subject=f"user:{user.id}",
            actor_id=None,
            details={"username": user.username, "from": user.role, "to": role},
        )
        user.role = role
        await repository.save(session, user)
    return user


async def _change_password(user: User, change: UserChange) -> None:
    current = "" if change.current_password is MISSING else canonical(change.current_password)
    if not await passwords.verify_password(current, user.password_hash):
        raise WrongPasswordError
    password = _acceptable(str(change.password), context=(user.username, user.email))
    user.password_hash = await passwords.hash_password(password)


def _acceptable(password: str, *, context: tuple[str, ...]) -> str:
    typed = canonical(password)
    shortest = password_settings().password_min_length
    if len(typed) < shortest:
        raise WeakPasswordError(f"Use at least {shortest} characters.")
    if is_guessable(typed, context=(*context, SERVICE)):
        raise WeakPasswordError("It is a common password, or your own name or address.")
    return typed
