"""Verifying an e-mail address, and choosing another password without the old one. The same in every version."""

from fastapi import APIRouter

from shared.domains.identity import api as identity
from shared.domains.identity.errors import InvalidEmailTokenError, WeakPasswordError
from shared.domains.identity.schemas import EmailVerification, PasswordReset, PasswordResetRequest
from shared.web.auth import CurrentUser
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import WriteSession

router = APIRouter(tags=["users"])


@router.post(
    "/users/me/verification",
    status_code=202,
    responses=problems(*FOR_USERS),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def request_verification(user: CurrentUser, session: WriteSession) -> None:
    """Get the mail that verifies your e-mail address again: at most three in 24 hours, and none once it is."""
    await identity.request_verification(session, user.user_id)


@router.post(
    "/email-verification",
    status_code=204,
    responses=problems(*ON_EVERY_BODY, InvalidEmailTokenError),
    openapi_extra=limited(LimitGroup.LOGIN),
)
async def verify_email(body: EmailVerification, session: WriteSession) -> None:
    """Show by the token of a mail that an e-mail address is yours. A token works once, for 24 hours."""
    await identity.verify_email(session, body.token)


@router.post(
    "/password-reset",
    status_code=202,
    responses=problems(*ON_EVERY_BODY),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def request_password_reset(body: PasswordResetRequest, session: WriteSession) -> None:
    """Get a mail by which you can choose another password: at most three in 30 minutes.

    The answer does not tell whether anybody has this address.
    """
    await identity.request_password_reset(session, body.email)


@router.post(
    "/password-reset/confirmation",
    status_code=204,
    responses=problems(*ON_EVERY_BODY, InvalidEmailTokenError, WeakPasswordError),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def reset_password(body: PasswordReset, session: WriteSession) -> None:
    """Choose another password by the token of a mail, which works once. All of your sessions end."""
    await identity.reset_password(session, body)
