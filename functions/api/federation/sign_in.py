"""Signing in by outside providers. The same in every version."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from shared.core.errors import ServiceUnavailableError, ValidationFailedError
from shared.core.schema import Schema
from shared.domains.federation import api as federation
from shared.domains.federation.errors import (
    AccountUnverifiedError,
    EmailNotVouchedForError,
    InvalidFlowError,
    LinkedElsewhereError,
    NoSuchProviderError,
    ProviderNotBelievedError,
    ProviderUnavailableError,
    ReturnAddressError,
    SignInDeclinedError,
)
from shared.domains.federation.schemas import (
    Beginning,
    Begun,
    Completion,
    ExternalProvider,
    GivenCode,
    GivenSecret,
    Handover,
    ProviderAnswer,
)
from shared.domains.identity.errors import EmailTakenError, UsernameTakenError
from shared.domains.mfa.errors import SecondFactorRequiredError
from shared.domains.sessions.schemas import TokenPair
from shared.web.auth import CallingDevice
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import ON_EVERY_BODY, problems
from shared.web.sessions import WriteSession

router = APIRouter(prefix="/external-login", tags=["external login"])


class Providers(Schema):
    """By whom users can sign in, in the order in which the operators declared them."""

    items: tuple[ExternalProvider, ...]


class Redirected(BaseModel):
    """The parameters of a provider's redirect; others are the provider's own business."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    state: GivenSecret
    code: GivenCode | None = None
    error: Annotated[str | None, Field(max_length=256)] = None
    iss: Annotated[str | None, Field(max_length=512)] = None


@router.get("", openapi_extra=limited(LimitGroup.READ))
async def list_external_providers() -> Providers:
    """List by whom users can sign in."""
    return Providers(items=federation.list_providers())


@router.post(
    "/handover",
    responses=problems(
        *ON_EVERY_BODY,
        InvalidFlowError,
        EmailNotVouchedForError,
        AccountUnverifiedError,
        LinkedElsewhereError,
        EmailTakenError,
        UsernameTakenError,
        SecondFactorRequiredError,
    ),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def complete_external_login(
    completion: Completion, device: CallingDevice, session: WriteSession
) -> TokenPair:
    """Log in with a handover and the token of the flow that it came of; it works once, for a minute.

    Whose provider's address is verified, here and there, logs in to that account; a new address makes a new one.
    Who has a second factor gets an `mfa_token` instead, to send it with to `POST .../login/second-factor`.
    """
    return await federation.sign_in(session, completion, device=device)


@router.post(
    "/{provider}",
    responses=problems(
        *ON_EVERY_BODY, NoSuchProviderError, ReturnAddressError, ProviderUnavailableError
    ),
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def begin_external_login(provider: str, beginning: Beginning) -> Begun:
    """Begin to sign in by a provider: send the browser to `authorization_url`, and keep `flow_token`.

    The user comes back to `return_to`, with `#handover=...` or `#error=...`.
    """
    return await federation.begin(beginning, provider_id=provider)


@router.get(
    "/{provider}/callback",
    response_model=Handover,
    responses={
        303: {"description": "To the application's page, with `#handover=...` or `#error=...`."},
        **problems(
            ValidationFailedError,
            NoSuchProviderError,
            InvalidFlowError,
            SignInDeclinedError,
            ProviderNotBelievedError,
            ProviderUnavailableError,
            ServiceUnavailableError,
        ),
    },
    openapi_extra=limited(LimitGroup.LOGIN, cost=5),
)
async def take_external_answer(
    provider: str, sent: Annotated[Redirected, Query()]
) -> Handover | Response | None:
    """Where providers send browsers back to. No session begins here: that takes the flow's token."""
    answer = ProviderAnswer.model_validate(sent.model_dump())
    ended = await federation.take_answer(answer, provider_id=provider)
    return RedirectResponse(ended.location, 303) if ended.location else ended.handover
