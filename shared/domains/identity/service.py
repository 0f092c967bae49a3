"""The rules of identity."""

import re
import secrets
from datetime import timedelta
from uuid import UUID

from pydantic import MISSING
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import passwords, vault
from shared.adapters.idempotency import idempotency
from shared.adapters.outbox import outbox
from shared.config.identity import password_settings
from shared.core.clock import now
from shared.core.errors import InvalidAccessTokenError
from shared.core.ids import new_id
from shared.core.opaque_tokens import digest_of, new_token
from shared.core.passwords import canonical, is_guessable
from shared.domains.audit import api as audit
from shared.domains.identity import repository
from shared.domains.identity.errors import (
    InvalidCredentialsError,
    InvalidEmailTokenError,
    NoPasswordError,
    NoSuchUserError,
    OperatorsOnlyError,
    WeakPasswordError,
    WrongPasswordError,
)
from shared.domains.identity.events import PasswordResetRequested, UserDeleted
from shared.domains.identity.models import EmailToken, User
from shared.domains.identity.schemas import (
    Credentials,
    EmailPurpose,
    ExternalRegistration,
    PasswordReset,
    Registration,
    Role,
    UserChange,
)
from shared.domains.logins import api as logins
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate
from shared.domains.sessions import api as sessions

SERVICE = "switchyard"
"""A word that belongs into nobody's password here."""

TOKEN_LIFE = {
    EmailPurpose.VERIFY: timedelta(hours=24),
    EmailPurpose.RESET_PASSWORD: timedelta(minutes=30),
}
"""How long a token that was sent by mail is good."""

MOST_TOKENS = 3
"""Tokens of one purpose that a user can have at once: nobody fills another's mailbox."""

_SEAL = "password reset"

_SHORTEST_NAME = 3
_SUFFIX_BYTES = 4
_LONGEST_STEM = 32 - 1 - 2 * _SUFFIX_BYTES

_TEMPLATES = {
    EmailPurpose.VERIFY: MailTemplate.VERIFY_EMAIL,
    EmailPurpose.RESET_PASSWORD: MailTemplate.RESET_PASSWORD,
}


async def register(session: AsyncSession, registration: Registration) -> User:
    """Make a user, who gets a mail to greet them, and one to verify their address.

    Raises WeakPasswordError, UsernameTakenError, EmailTakenError.
    """
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
    await _send_token(session, user, purpose=EmailPurpose.VERIFY)
    return user


async def check_credentials(session: AsyncSession, credentials: Credentials) -> UUID:
    """Return a user's id.

    Raises TooManyLoginAttemptsError before the password is looked at; InvalidCredentialsError, after the same
    time in every case.
    """
    user = await repository.find_by_login(session, credentials.login)
    attempt = logins.Attempt(
        user_id=user.id if user else None,
        login=credentials.login.lower(),
        address=credentials.address,
    )
    admitted = await logins.admit(session, attempt)
    typed = canonical(credentials.password)
    matches = await passwords.verify_password(typed, user.password_hash if user else None)
    if user is None or user.password_hash is None or not matches:
        await logins.fail(session, admitted)
        raise InvalidCredentialsError
    await logins.succeed(session, admitted)
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
    """Make sure that a user knows their password.

    Raises WrongPasswordError, NoPasswordError, TooManyLoginAttemptsError, InvalidAccessTokenError.
    """
    user = await repository.find_with_hash(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    await _require_password(session, user, given=password)


async def confirm_password_if_any(
    session: AsyncSession, *, user_id: UUID, password: str | MISSING
) -> None:
    """Make sure that a user knows their password, if they have one.

    Raises WrongPasswordError, TooManyLoginAttemptsError, InvalidAccessTokenError.
    """
    user = await repository.find_with_hash(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    if user.password_hash is not None:
        await _require_password(session, user, given=password)


async def make_service_account(session: AsyncSession) -> UUID:
    """Make a user that nobody can log in as; return its id."""
    id_ = new_id()
    # A colon is in no user name, and an address without @ is in no mail and at no provider.
    name = f"service:{id_}"
    user = User(id=id_, username=name, email=name, password_hash=passwords.NOBODYS_HASH)
    await repository.save(session, user)
    return id_


async def delete(session: AsyncSession, user_id: UUID) -> None:
    """Delete a user and all that still belongs to them; nothing where there is none."""
    if await repository.remove(session, user_id):
        await idempotency.forget_user(session, user_id)
        outbox.add(session, UserDeleted(user_id=user_id))


async def change(
    session: AsyncSession, *, user_id: UUID, session_id: UUID | None, change: UserChange
) -> User:
    """Change a user. Another password ends all sessions but one; another address is to be verified.

    Both need the current password: by another address a password could be reset.

    Raises WrongPasswordError, NoPasswordError, TooManyLoginAttemptsError, WeakPasswordError,
    UsernameTakenError, EmailTakenError and, where the user is gone, InvalidAccessTokenError.
    """
    user = await repository.find_for_change(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    before = user.email
    if change.password is not MISSING or change.email not in (MISSING, before):
        await _require_password(session, user, given=change.current_password)
    if change.username is not MISSING:
        user.username = change.username
    if change.password is not MISSING:
        await _set_password(user, str(change.password))
    if change.email is not MISSING and change.email != before:
        user.email, user.email_verified_at = change.email, None
    await repository.save(session, user)
    if change.password is not MISSING:
        await _tell_of_password(session, user, reason="password_changed", spare=session_id)
    if user.email != before:
        await _notify(session, user, template=MailTemplate.EMAIL_CHANGED, to=before)
        await _send_token(session, user, purpose=EmailPurpose.VERIFY)
    return user


async def request_verification(session: AsyncSession, user_id: UUID) -> None:
    """Send a user the mail that verifies their address, if it is not. Raises InvalidAccessTokenError."""
    user = await get(session, user_id)
    if not user.email_verified:
        await _send_token(session, user, purpose=EmailPurpose.VERIFY)


async def verify_email(session: AsyncSession, token: str) -> None:
    """Take an address for its user's. Raises InvalidEmailTokenError."""
    user = await _spend(session, token, purpose=EmailPurpose.VERIFY)
    user.email_verified_at = now()
    await repository.save(session, user)


async def request_password_reset(session: AsyncSession, email: str) -> None:
    """Have the mail that resets a password sent to whoever has this address.

    Nobody is looked up here: by how long the answer takes nobody learns whether there is one.
    """
    sealed = await vault.seal(email, purpose=_SEAL)
    outbox.add(session, PasswordResetRequested(request_id=new_id(), sealed_email=sealed))


async def send_password_reset(session: AsyncSession, sealed_email: str) -> None:
    """Send who has an address the mail that resets their password, if anybody has. Raises SealBrokenError."""
    email = await vault.unseal(sealed_email, purpose=_SEAL)
    if user := await repository.find_by_email(session, email):
        await _send_token(session, user, purpose=EmailPurpose.RESET_PASSWORD)


async def register_external(session: AsyncSession, registration: ExternalRegistration) -> User:
    """Make a user without a password, whose address a provider has verified. Raises EmailTakenError."""
    user = User(
        username=await _free_name(session, registration.name),
        email=registration.email,
        email_verified_at=now(),
        password_hash=None,
        locale=registration.locale,
    )
    await repository.save(session, user)
    await _notify(session, user, template=MailTemplate.WELCOME, to=user.email)
    return user


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    """Return who has an address, in any case, whether it is verified or not."""
    return await repository.find_by_email(session, email)


async def has_password(session: AsyncSession, user_id: UUID) -> bool:
    """Tell whether a user has a password, held until the transaction ends. Raises InvalidAccessTokenError."""
    user = await repository.find_for_change(session, user_id)
    if user is None:
        raise InvalidAccessTokenError
    return user.password_hash is not None


async def reset_password(session: AsyncSession, reset: PasswordReset) -> None:
    """Give a user another password, and end all of their sessions.

    Their address is verified by that, and their failed logins are forgotten. Raises InvalidEmailTokenError and
    WeakPasswordError, which leaves the token good.
    """
    user = await _spend(session, reset.token, purpose=EmailPurpose.RESET_PASSWORD)
    await _set_password(user, reset.password)
    user.email_verified_at = user.email_verified_at or now()
    await repository.save(session, user)
    await repository.forget_tokens(session, user.id, purpose=EmailPurpose.RESET_PASSWORD)
    await logins.forgive(session, user.id)
    await _tell_of_password(session, user, reason="password_reset", spare=None)


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


async def _tell_of_password(
    session: AsyncSession, user: User, *, reason: str, spare: UUID | None
) -> None:
    """End the sessions that the old password began, and write it down."""
    await sessions.revoke_sessions(session, user_id=user.id, reason=reason, spare=spare)
    subject = f"user:{user.id}"
    audit.record(session, action=f"identity.{reason}", subject=subject, actor_id=user.id)
    await _notify(session, user, template=MailTemplate.PASSWORD_CHANGED, to=user.email)


async def _notify(session: AsyncSession, user: User, *, template: MailTemplate, to: str) -> None:
    values = {"username": user.username}
    await mail.request(session, to=to, template=template, locale=user.locale, values=values)


async def _send_token(session: AsyncSession, user: User, *, purpose: EmailPurpose) -> None:
    """Send a user a token; silently none where they have enough of them that are good still."""
    at = now()
    live = await repository.count_live_tokens(session, user.id, purpose=purpose, at=at)
    if live >= MOST_TOKENS:
        return
    token = new_token()
    row = EmailToken(
        user_id=user.id,
        purpose=purpose,
        email=user.email,
        digest=digest_of(token),
        expires_at=at + TOKEN_LIFE[purpose],
    )
    await repository.add_token(session, row)
    await mail.request(
        session,
        to=user.email,
        template=_TEMPLATES[purpose],
        locale=user.locale,
        values={"username": user.username, "token": token},
    )


async def _spend(session: AsyncSession, token: str, *, purpose: EmailPurpose) -> User:
    """Return whose token it is, for change. Raises InvalidEmailTokenError."""
    found = await repository.spend_token(session, digest_of(token), purpose=purpose, at=now())
    if found is None:
        raise InvalidEmailTokenError
    user_id, email = found
    user = await repository.find_for_change(session, user_id)
    if user is None or user.email != email:
        raise InvalidEmailTokenError
    return user


async def _require_password(session: AsyncSession, user: User, *, given: str | MISSING) -> None:
    """Make sure that a user entered their password again. Guessing it is slowed down as at logins."""
    if user.password_hash is None:
        raise NoPasswordError
    if given is MISSING:
        raise WrongPasswordError
    await logins.admit_confirmation(user.id)
    if not await passwords.verify_password(canonical(given), user.password_hash):
        raise WrongPasswordError
    await logins.confirm(session, user.id)


async def _free_name(session: AsyncSession, wanted: str) -> str:
    """Return a user name made of a text that may be anything: with a number behind it where it is taken."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted)[:_LONGEST_STEM].strip("._-")
    if len(stem) >= _SHORTEST_NAME and not await repository.has_name(session, stem):
        return stem
    return f"{stem or 'user'}-{secrets.token_hex(_SUFFIX_BYTES)}"


async def _set_password(user: User, password: str) -> None:
    typed = _acceptable(password, context=(user.username, user.email))
    user.password_hash = await passwords.hash_password(typed)


def _acceptable(password: str, *, context: tuple[str, ...]) -> str:
    typed = canonical(password)
    shortest = password_settings().password_min_length
    if len(typed) < shortest:
        raise WeakPasswordError(f"Use at least {shortest} characters.")
    if is_guessable(typed, context=(*context, SERVICE)):
        raise WeakPasswordError("It is a common password, or your own name or address.")
    return typed
