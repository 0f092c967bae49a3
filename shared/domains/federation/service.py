"""The rules of signing in by outside providers.

Nothing happens to an account at the provider's redirect: any page can send a browser there. What the provider
said waits, sealed, for who began the sign-in; only their flow's token makes a session or a link of it.
"""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from pydantic import MISSING, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import digests, vault
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.logging import logger
from shared.adapters.openid import openid
from shared.config.federation import Provider, federation_settings
from shared.config.http import http_settings, public_settings
from shared.core.clock import now
from shared.core.errors import ProblemError
from shared.core.opaque_tokens import digest_of, new_token
from shared.domains.audit import api as audit
from shared.domains.federation import repository
from shared.domains.federation.errors import (
    AccountUnverifiedError,
    EmailNotVouchedForError,
    InvalidFlowError,
    LastLoginMeansError,
    LinkedElsewhereError,
    LinkNotFoundError,
    NoSuchProviderError,
    ProviderNotBelievedError,
    ProviderUnavailableError,
    ReturnAddressError,
    SignInDeclinedError,
)
from shared.domains.federation.models import ExternalFlow, ExternalLink
from shared.domains.federation.schemas import (
    Beginning,
    Begun,
    Completion,
    Handover,
    Identity,
    LinkBeginning,
    ProviderAnswer,
    Return,
)
from shared.domains.identity import api as identity
from shared.domains.mail import api as mail
from shared.domains.mail.events import MailTemplate
from shared.domains.mfa import api as mfa
from shared.domains.sessions import api as sessions

FLOW_LIFE = timedelta(minutes=10)
"""How long a user may take at the provider."""

HANDOVER_LIFE = timedelta(seconds=60)
"""How long an application may take for its part."""

METHOD = "fed"
"""How a user proved who they are, as their session has it: somebody else said so."""

CALLBACK_VERSION = "v2"
"""The version whose address providers know: one for all, so that it is registered with each once."""

_SEAL = "external identity"


async def begin(beginning: Beginning, *, provider_id: str) -> Begun:
    """Begin a sign-in.

    Raises NoSuchProviderError, ReturnAddressError, ProviderUnavailableError.
    """
    return await _begin(beginning, provider_id=provider_id, user_id=None)


async def begin_link(beginning: LinkBeginning, *, user_id: UUID, provider_id: str) -> Begun:
    """Begin to link a provider to a user, who enters their password again if they have one.

    Else who stole an access token could make it last. Raises what `begin` and `confirm_password` do.
    """
    _provider(provider_id)
    async with unit_of_work() as session:
        await identity.confirm_password_if_any(
            session, user_id=user_id, password=beginning.current_password
        )
    return await _begin(beginning, provider_id=provider_id, user_id=user_id)


async def take_answer(answer: ProviderAnswer, *, provider_id: str) -> Return:
    """Take a provider's redirect: find out who the user is, and tell who began the sign-in only.

    Each state is taken once, whatever comes of it. Where the application named a page, it is told there of
    failures, too. Raises NoSuchProviderError, InvalidFlowError, and without a page SignInDeclinedError,
    ProviderNotBelievedError, ProviderUnavailableError.
    """
    provider = _provider(provider_id)
    digest = digest_of(answer.state)
    async with unit_of_work() as session:
        flow = await repository.spend_state(session, digest, provider=provider_id, at=now())
    if flow is None:
        raise InvalidFlowError
    try:
        handover = await _hand_over(flow, answer, provider=provider)
    except ProblemError as problem:
        if flow.return_to is None:
            raise
        return _return_to(flow.return_to, error=problem.code)
    if flow.return_to is None:
        return Return(location=None, handover=handover)
    return _return_to(flow.return_to, handover=handover.handover)


async def sign_in(
    session: AsyncSession, completion: Completion, *, device: sessions.Device
) -> sessions.TokenPair:
    """Make a session of a handover, and an account where there is none yet.

    Raises InvalidFlowError, EmailNotVouchedForError, AccountUnverifiedError, LinkedElsewhereError,
    SecondFactorRequiredError.
    """
    known = await _spend(session, completion, user_id=None)
    user_id = await repository.use_link(session, known, at=now())
    if user_id is None:
        user_id = await _adopt(session, known)
    opening = sessions.Opening(user_id=user_id, device=device, methods=(METHOD,))
    return await mfa.sign_in(session, opening)


async def link(session: AsyncSession, completion: Completion, *, user_id: UUID) -> ExternalLink:
    """Link the account of a handover to a user. Raises InvalidFlowError, LinkedElsewhereError."""
    known = await _spend(session, completion, user_id=user_id)
    return await _link(session, known, user_id=user_id, used=False)


async def unlink(session: AsyncSession, link_id: UUID, *, user_id: UUID) -> None:
    """Remove a user's link. Raises LinkNotFoundError, LastLoginMeansError."""
    # It holds the user: of two links that go at once, the second sees that the first is gone.
    has_password = await identity.has_password(session, user_id)
    gone = await repository.remove_link(session, link_id, user_id=user_id)
    if gone is None:
        raise LinkNotFoundError
    issuers = [each.issuer for each in providers()]
    if not has_password and not await repository.count_links(session, user_id, issuers=issuers):
        raise LastLoginMeansError
    _record(session, "federation.unlinked", user_id=user_id, provider=gone.provider)
    await _notify(session, user_id, template=MailTemplate.LOGIN_UNLINKED, provider=gone.provider)


async def list_links(session: AsyncSession, user_id: UUID) -> Sequence[ExternalLink]:
    """Return a user's links."""
    return await repository.list_links(session, user_id)


def providers() -> tuple[Provider, ...]:
    """Return the providers that there are."""
    return federation_settings().openid_providers


async def _begin(beginning: Beginning, *, provider_id: str, user_id: UUID | None) -> Begun:
    provider = _provider(provider_id)
    return_to = _vetted(beginning)
    state, token = new_token(), new_token()
    attempt = await _attempt(provider, state=state)
    try:
        url = await openid.authorization_url(provider, attempt)
    except (openid.ProviderFailedError, openid.ProviderRefusedError) as error:
        raise _unavailable(provider, error) from None
    flow = ExternalFlow(
        provider=provider.id,
        return_to=return_to,
        user_id=user_id,
        token_digest=digest_of(token),
        state_digest=digest_of(state),
        expires_at=now() + FLOW_LIFE,
    )
    async with unit_of_work() as session:
        await repository.add_flow(session, flow)
    life_s = int(FLOW_LIFE.total_seconds())
    return Begun(authorization_url=url, flow_token=token, expires_in=life_s)


async def _hand_over(flow: ExternalFlow, answer: ProviderAnswer, *, provider: Provider) -> Handover:
    known = await _identify(answer, provider=provider)
    handover = new_token()
    sealed = await vault.seal(known.model_dump_json(), purpose=_SEAL)
    async with unit_of_work() as session:
        await repository.keep_identity(
            session,
            flow.id,
            sealed=sealed,
            digest=digest_of(handover),
            until=now() + HANDOVER_LIFE,
        )
    return Handover(handover=handover, expires_in=int(HANDOVER_LIFE.total_seconds()))


async def _identify(answer: ProviderAnswer, *, provider: Provider) -> Identity:
    if answer.error is not None or answer.code is None:
        raise SignInDeclinedError
    attempt = await _attempt(provider, state=answer.state)
    try:
        claims = await openid.identify(provider, attempt, code=answer.code, issuer=answer.iss)
    except openid.ProviderFailedError as error:
        raise _unavailable(provider, error) from None
    except openid.ProviderRefusedError as error:
        raise _disbelieved(provider, str(error)) from None
    try:
        return _identity_of(claims, provider=provider)
    except ValidationError:
        raise _disbelieved(provider, "the user has no id that could be kept") from None


def _identity_of(claims: openid.Claims, *, provider: Provider) -> Identity:
    said = {
        "provider": provider.id,
        "issuer": provider.issuer,
        "subject": claims.subject,
        "name": claims.name if isinstance(claims.name, str) else "",
    }
    try:
        return Identity.model_validate(
            said | {"email": claims.email if claims.email_verified else None}
        )
    except ValidationError:
        # An address that could not be anybody's here is as good as none.
        return Identity.model_validate(said | {"email": None})


async def _spend(
    session: AsyncSession, completion: Completion, *, user_id: UUID | None
) -> Identity:
    sealed = await repository.spend_handover(
        session,
        digest=digest_of(completion.handover),
        token_digest=digest_of(completion.flow_token),
        user_id=user_id,
        at=now(),
    )
    if sealed is None:
        raise InvalidFlowError
    return Identity.model_validate_json(await vault.unseal(sealed, purpose=_SEAL))


async def _adopt(session: AsyncSession, known: Identity) -> UUID:
    """Return whose an account that is linked to nobody is: by its verified address, or else a new user's."""
    if known.email is None:
        raise EmailNotVouchedForError
    user = await identity.find_by_email(session, known.email)
    if user is None:
        new = identity.ExternalRegistration(name=known.name, email=known.email)
        user = await identity.register_external(session, new)
        await _add(session, known, user_id=user.id, used=True)
        _record(session, "federation.registered", user_id=user.id, provider=known.provider)
    elif user.email_verified:
        await _link(session, known, user_id=user.id, used=True)
    else:
        # Somebody may have registered it to wait for its owner: their password would still work.
        raise AccountUnverifiedError
    return user.id


async def _link(
    session: AsyncSession, known: Identity, *, user_id: UUID, used: bool
) -> ExternalLink:
    added = await _add(session, known, user_id=user_id, used=used)
    _record(session, "federation.linked", user_id=user_id, provider=known.provider)
    await _notify(session, user_id, template=MailTemplate.LOGIN_LINKED, provider=known.provider)
    return added


async def _add(
    session: AsyncSession, known: Identity, *, user_id: UUID, used: bool
) -> ExternalLink:
    added = await repository.add_link(session, known, user_id=user_id, at=now(), used=used)
    if added is None:
        raise LinkedElsewhereError
    return added


async def _attempt(provider: Provider, *, state: str) -> openid.Attempt:
    # Of the state alone, which only its digest is kept of, and the vault's key: neither stands anywhere.
    return openid.Attempt(
        # Each provider has an address of its own: an answer of another's is none (RFC 9700, section 4.4).
        redirect_uri=f"{public_settings().public_url}/{CALLBACK_VERSION}/webapp/external-login/"
        f"{provider.id}/callback",
        state=state,
        nonce=await digests.keyed_hash(state, purpose="external login nonce"),
        verifier=await digests.keyed_hash(state, purpose="external login verifier"),
    )


def _vetted(beginning: Beginning) -> str | None:
    """Return the page to go back to: one of an origin that may call this service, so nobody's else."""
    if beginning.return_to is MISSING:
        return None
    page = beginning.return_to
    try:
        parts = urlsplit(page)
    except ValueError:
        raise ReturnAddressError from None
    # A browser takes a backslash for a slash, and so another host for this one.
    strange = parts.fragment or page.endswith("#") or "\\" in page
    if strange or f"{parts.scheme}://{parts.netloc}" not in http_settings().cors_origins:
        raise ReturnAddressError
    return page


def _return_to(page: str, **told: str) -> Return:
    # As a fragment: no server's log has it, and no Referer.
    return Return(location=f"{page}#{urlencode(told)}", handover=None)


def _provider(provider_id: str) -> Provider:
    for each in providers():
        if each.id == provider_id:
            return each
    raise NoSuchProviderError


def _unavailable(provider: Provider, error: Exception) -> ProviderUnavailableError:
    told = {"provider": provider.id, "reason": str(error)}
    logger().warning("an outside provider failed", extra=told)
    return ProviderUnavailableError()


def _disbelieved(provider: Provider, reason: str) -> ProviderNotBelievedError:
    told = {"provider": provider.id, "reason": reason}
    logger().warning("an outside provider was not believed", extra=told)
    return ProviderNotBelievedError()


def _record(session: AsyncSession, action: str, *, user_id: UUID, provider: str) -> None:
    subject, details = f"user:{user_id}", {"provider": provider}
    audit.record(session, action=action, subject=subject, actor_id=user_id, details=details)


async def _notify(
    session: AsyncSession, user_id: UUID, *, template: MailTemplate, provider: str
) -> None:
    contact = await identity.find_contact(session, user_id)
    if contact is None:
        return
    name = next((each.name for each in providers() if each.id == provider), provider)
    values = {"username": contact.username, "provider": name}
    await mail.request(
        session, to=contact.email, template=template, locale=contact.locale, values=values
    )
