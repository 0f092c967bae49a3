"""The endpoints that clients call by themselves: tokens, their revocation and introspection."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from functions.api.oauth.errors import oauth_errors
from functions.api.oauth.forms import CallingClient, ConfidentialClient, SentForm
from shared.core.errors import PayloadTooLargeError, ServiceUnavailableError
from shared.domains.oauth import api as oauth
from shared.domains.oauth.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from shared.domains.oauth.schemas import (
    Client,
    CodeExchange,
    GrantType,
    Introspection,
    Tokens,
)
from shared.domains.sessions.schemas import Device
from shared.web.auth import CallingDevice
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import problems
from shared.web.sessions import ReadSession, WriteSession

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter(tags=["oauth"])

_AUTHENTICATION = (InvalidRequestError, InvalidClientError)
_EVERY = problems(PayloadTooLargeError, ServiceUnavailableError)
_TEXT = {"type": "string", "minLength": 1, "maxLength": 4096}
# Besides by its secret a client proves itself in the form, or not at all.
_SECURITY: dict[str, Any] = {"security": [{}]}


def _form(required: tuple[str, ...], **properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `openapi_extra` that describes a form, with how a client proves itself."""
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {
            **properties,
            "client_id": {**_TEXT, "description": "Of a public client, which has no more."},
            "client_assertion_type": {
                "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            },
            "client_assertion": {**_TEXT, "description": "A JWT (RFC 7523), for private_key_jwt."},
        },
    }
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}, **_SECURITY}


@router.post(
    "/oauth/token",
    response_model_exclude_none=True,
    responses={
        **_EVERY,
        **oauth_errors(
            *_AUTHENTICATION,
            InvalidGrantError,
            InvalidScopeError,
            UnauthorizedClientError,
            UnsupportedGrantTypeError,
        ),
    },
    openapi_extra={
        **limited(LimitGroup.LOGIN),
        **_form(
            ("grant_type",),
            grant_type={"type": "string", "enum": [each.value for each in GrantType]},
            code=_TEXT,
            code_verifier=_TEXT,
            redirect_uri=_TEXT,
            refresh_token=_TEXT,
            scope=_TEXT,
        ),
    },
)
async def issue_tokens(
    form: SentForm, client: CallingClient, device: CallingDevice, session: WriteSession
) -> Tokens:
    """Get tokens for a code, for a refresh token, or for the client itself (OAuth 2.1, section 3.2).

    Errors are in the form of RFC 6749, section 5.2, not problem documents. A code is good for 60 seconds, once,
    with its PKCE verifier; refresh tokens rotate. What is spent and comes again ends the session made from it.
    """
    return await _granted(session, form, client=client, device=device)


async def _granted(
    session: "AsyncSession", form: Mapping[str, str], *, client: Client, device: Device
) -> Tokens:
    match form.get("grant_type"):
        case GrantType.AUTHORIZATION_CODE:
            exchange = CodeExchange(
                code=_required(form, "code"),
                verifier=_required(form, "code_verifier"),
                redirect_uri=form.get("redirect_uri"),
            )
            return await oauth.exchange_code(
                session, client=client, exchange=exchange, device=device
            )
        case GrantType.REFRESH_TOKEN:
            token, scope = _required(form, "refresh_token"), form.get("scope")
            return await oauth.refresh(
                session, client=client, token=token, scope=scope, device=device
            )
        case GrantType.CLIENT_CREDENTIALS:
            return await oauth.act_as_client(
                session, client=client, scope=form.get("scope"), device=device
            )
        case None:
            raise InvalidRequestError("grant_type is missing.")
        case _:
            raise UnsupportedGrantTypeError


def _required(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise InvalidRequestError(f"{name} is missing.")
    return form[name]


@router.post(
    "/oauth/revoke",
    responses={**_EVERY, **oauth_errors(*_AUTHENTICATION)},
    openapi_extra={
        **limited(LimitGroup.LOGIN),
        **_form(("token",), token=_TEXT, token_type_hint=_TEXT),
    },
)
async def revoke_token(form: SentForm, client: CallingClient, session: WriteSession) -> None:
    """End what a token belongs to, with all of its tokens (RFC 7009).

    A token that is none, or is another client's, changes nothing, and the answer is the same. Errors are in the
    form of RFC 6749, section 5.2.
    """
    await oauth.revoke_token(session, client=client, token=_required(form, "token"))


@router.post(
    "/oauth/introspect",
    response_model_exclude_none=True,
    responses={**_EVERY, **oauth_errors(*_AUTHENTICATION)},
    openapi_extra={
        **limited(LimitGroup.LOGIN),
        **_form(("token",), token=_TEXT, token_type_hint=_TEXT),
    },
)
async def introspect_token(
    form: SentForm, client: ConfidentialClient, session: ReadSession
) -> Introspection:
    """Get what a token of the client's own is (RFC 7662); of any other only that it is not active.

    For clients that authenticate. Errors are in the form of RFC 6749, section 5.2.
    """
    return await oauth.introspect(session, client=client, token=_required(form, "token"))
