"""The rules of the authorization endpoint: whom a request is from, what it asks for, and what answers it."""

import re
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.config.http import public_settings
from shared.core.clock import now
from shared.core.opaque_tokens import digest_of, new_token
from shared.core.redirect_uris import find_registered
from shared.core.scopes import Scope, scopes_in, text_of
from shared.domains.audit import api as audit
from shared.domains.oauth import repository
from shared.domains.oauth.errors import (
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
    OAuthError,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
)
from shared.domains.oauth.models import CodeRow
from shared.domains.oauth.schemas import (
    AuthorizationParameters,
    AuthorizationRequest,
    BrowserLogin,
    Client,
    ClientType,
    GrantType,
)
from shared.domains.oauth.service.clients import client_of

CODE_LIFE = timedelta(seconds=60)
"""How long a code is good: it travels once through a browser (OAuth 2.1, section 4.1.2, allows ten minutes)."""

# base64url of 32 bytes: what S256 makes, and nothing else (RFC 7636, section 4.2).
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# VSCHAR (RFC 6749, appendix A.5).
_STATE = re.compile(r"[\x20-\x7e]{1,1024}")


async def read_request(
    session: AsyncSession, parameters: AuthorizationParameters
) -> AuthorizationRequest:
    """Return a request whose client and redirect address are known.

    Raises InvalidRequestError where they are not: then no address may be answered. Whatever else is wrong
    is its `refusal`.
    """
    row = await repository.find_client(session, _client_id(parameters))
    if row is None:
        raise InvalidRequestError("No client has this client_id.")
    client = client_of(row)
    uri = _redirect_uri(parameters, client)
    state = parameters.state if parameters.state and _STATE.fullmatch(parameters.state) else None
    scopes: frozenset[Scope] = frozenset()
    refusal = None
    try:
        _check(parameters, client, state=state)
        scopes = scopes_asked(parameters.scope, of=frozenset(client.scopes))
    except OAuthError as error:
        refusal = error.code
    return AuthorizationRequest(
        client=client,
        redirect_uri=uri,
        state=state,
        scopes=scopes,
        challenge=parameters.code_challenge or "",
        refusal=refusal,
    )


def scopes_asked(text: str | None, *, of: frozenset[Scope]) -> frozenset[Scope]:
    """Return the scopes of a request, all that there are where it names none. Raises InvalidScopeError."""
    if text is None:
        return of
    names = text.split(" ")
    scopes = scopes_in(text)
    if len(scopes) != len(set(names)) or not scopes <= of:
        raise InvalidScopeError
    return scopes


async def needs_consent(
    session: AsyncSession, request: AuthorizationRequest, *, user_id: UUID
) -> bool:
    """Tell whether the user has to be asked.

    Always for a public client: anybody can use its id (RFC 6749, section 10.2; RFC 9700, section 2.1).
    """
    if request.client.type is ClientType.PUBLIC:
        return True
    given = await repository.find_consent(
        session, user_id=user_id, client_id=request.client.client_id
    )
    return not request.scopes <= scopes_in(given or "")


async def approve(
    session: AsyncSession, request: AuthorizationRequest, *, login: BrowserLogin
) -> str:
    """Remember that a user lets a client act; return a code for it."""
    given = await repository.find_consent(
        session, user_id=login.user_id, client_id=request.client.client_id
    )
    await repository.save_consent(
        session,
        user_id=login.user_id,
        client_id=request.client.client_id,
        scope=text_of(request.scopes | scopes_in(given or "")),
        at=now(),
    )
    audit.record(
        session,
        action="oauth.granted",
        subject=f"oauth_client:{request.client.client_id}",
        actor_id=login.user_id,
        details={"scope": text_of(request.scopes)},
    )
    return await issue_code(session, request, login=login)


async def issue_code(
    session: AsyncSession, request: AuthorizationRequest, *, login: BrowserLogin
) -> str:
    """Return a code for a request that is granted."""
    code = new_token()
    row = CodeRow(
        digest=digest_of(code),
        client_id=request.client.client_id,
        user_id=login.user_id,
        redirect_uri=request.redirect_uri,
        challenge=request.challenge,
        scope=text_of(request.scopes),
        methods=list(login.methods),
        expires_at=now() + CODE_LIFE,
    )
    await repository.save(session, row)
    return code


def _client_id(parameters: AuthorizationParameters) -> UUID:
    try:
        return UUID(parameters.client_id or "")
    except ValueError:
        raise InvalidRequestError("client_id is missing, or no client's.") from None


def _redirect_uri(parameters: AuthorizationParameters, client: Client) -> str:
    match parameters.redirect_uri, client.redirect_uris:
        case None, (only,):
            return only
        case str() as asked, registered if find_registered(asked, registered):
            return asked
        case _:
            raise InvalidRequestError("redirect_uri is missing, or not registered for this client.")


def _check(parameters: AuthorizationParameters, client: Client, *, state: str | None) -> None:
    """Make sure that a request is one that can be granted. Raises OAuthError."""
    if parameters.repeated or state != parameters.state:
        raise InvalidRequestError("A parameter came twice, or is too long.")
    if parameters.request is not None or parameters.request_uri is not None:
        raise InvalidRequestError("Parameters come by themselves here, in no object.")
    if parameters.response_type is None or parameters.response_mode not in {None, "query"}:
        raise InvalidRequestError("response_type is missing, or response_mode is not query.")
    if parameters.response_type != "code":
        raise UnsupportedResponseTypeError
    if GrantType.AUTHORIZATION_CODE not in client.grant_types:
        raise UnauthorizedClientError
    if parameters.resource not in {None, public_settings().public_url}:
        raise InvalidTargetError
    _check_challenge(parameters)


def _check_challenge(parameters: AuthorizationParameters) -> None:
    # `plain` is what no method means (RFC 7636, section 4.3): a downgrade, however it is asked for.
    if parameters.code_challenge_method != "S256":
        raise InvalidRequestError("code_challenge_method is S256.")
    if not _S256_CHALLENGE.fullmatch(parameters.code_challenge or ""):
        raise InvalidRequestError("code_challenge is missing, or none that S256 makes.")
