"""Signing in with an outside provider: where to send the user, and who they turn out to be.

The authorization code flow with PKCE (RFC 7636) as OpenID Connect Core 1.0 has it, and plain OAuth 2.0 with
GitHub's two addresses. Authlib's asynchronous client reads answers of any size and follows what a provider says;
so this is httpx with limits, and joserfc for signatures.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

from shared.adapters import secrets
from shared.adapters.openid.discovery import metadata_of
from shared.adapters.openid.http import (
    ProviderFailedError,
    ProviderRefusedError,
    get_json,
    post_form,
)
from shared.adapters.openid.id_tokens import claims_of
from shared.config.federation import Provider, is_safe_url

__all__ = [
    "Attempt",
    "Claims",
    "ProviderFailedError",
    "ProviderRefusedError",
    "authorization_url",
    "identify",
]

_POST = "client_secret_post"
_BASIC = "client_secret_basic"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to sign in: what ties the provider's answer to the question."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a provider says of a user. Nothing of it is well-formed for sure."""

    subject: Any
    email: Any
    email_verified: bool
    name: Any


async def authorization_url(provider: Provider, attempt: Attempt) -> str:
    """Return where to send the user's browser. Raises ProviderFailedError, ProviderRefusedError."""
    endpoint = provider.authorization_endpoint
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": provider.scope,
        "state": attempt.state,
        "code_challenge": _challenge(attempt.verifier),
        "code_challenge_method": "S256",
    }
    if provider.kind == "openid":
        endpoint = (await metadata_of(provider)).authorization_endpoint
        asked["nonce"] = attempt.nonce
    if not is_safe_url(endpoint):
        raise ProviderFailedError("the provider's page has no https address")
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


async def identify(
    provider: Provider, attempt: Attempt, *, code: str, issuer: str | None
) -> Claims:
    """Return who a code speaks for. `issuer` is the answer's own `iss` (RFC 9207).

    Raises ProviderFailedError, ProviderRefusedError.
    """
    if issuer not in (None, provider.issuer):
        raise ProviderRefusedError("another provider answered")
    if provider.kind == "github":
        return await _identify_plainly(provider, attempt, code=code)
    metadata = await metadata_of(provider)
    if issuer is None and metadata.authorization_response_iss_parameter_supported:
        raise ProviderRefusedError("the answer does not say whose it is")
    methods = metadata.token_endpoint_auth_methods_supported
    posts = _POST in methods and _BASIC not in methods
    answer = await _redeem(
        provider, attempt, code=code, endpoint=metadata.token_endpoint, posts=posts
    )
    access_token = _text(answer, "access_token")
    claims = await claims_of(
        _text(answer, "id_token"),
        metadata=metadata,
        client_id=provider.client_id,
        nonce=attempt.nonce,
        access_token=access_token,
    )
    if "email" not in claims and metadata.userinfo_endpoint:
        claims = await _with_userinfo(claims, metadata.userinfo_endpoint, token=access_token)
    return Claims(
        subject=claims.get("sub"),
        email=claims.get("email"),
        # Some send it as text, against the specification; 1 is neither.
        email_verified=claims.get("email_verified") is True
        or claims.get("email_verified") == "true",
        name=claims.get("preferred_username") or claims.get("name"),
    )


async def _with_userinfo(claims: Mapping[str, Any], url: str, *, token: str) -> Mapping[str, Any]:
    more = await get_json(url, token=token)
    # Section 5.3.2: else the answer to another's token could be put in place of it.
    if not isinstance(more, dict) or more.get("sub") != claims.get("sub"):
        raise ProviderRefusedError("the provider tells of somebody else")
    return {**more, **claims}


async def _identify_plainly(provider: Provider, attempt: Attempt, *, code: str) -> Claims:
    """Ask as GitHub documents it: an address is verified where its list says so."""
    answer = await _redeem(
        provider, attempt, code=code, endpoint=provider.token_endpoint, posts=True
    )
    token = _text(answer, "access_token")
    user = await get_json(provider.userinfo_endpoint, token=token)
    listed = await get_json(provider.emails_endpoint, token=token)
    if not isinstance(user, dict) or type(user.get("id")) is not int:
        raise ProviderFailedError("the provider does not say who the user is")
    addresses = [each for each in listed if isinstance(each, dict)] if listed else []
    primary = next((each for each in addresses if each.get("primary") is True), {})
    return Claims(
        subject=str(user["id"]),
        email=primary.get("email"),
        email_verified=primary.get("verified") is True,
        name=user.get("login"),
    )


async def _redeem(
    provider: Provider, attempt: Attempt, *, code: str, endpoint: str, posts: bool
) -> Mapping[str, Any]:
    """Exchange a code (RFC 6749, section 4.1.3)."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
    }
    basic = None
    secret = await _secret_of(provider)
    if secret is None or posts:
        form["client_id"] = provider.client_id
    if secret is not None and posts:
        form["client_secret"] = secret
    elif secret is not None:
        # Section 2.3.1: both are encoded before they are joined.
        basic = (quote_plus(provider.client_id), quote_plus(secret))
    answer = await post_form(endpoint, form, basic=basic)
    if not isinstance(answer, dict):
        raise ProviderFailedError("the provider gave no tokens")
    if "error" in answer:
        # GitHub answers 200 to a bad code.
        raise ProviderRefusedError("the provider refused the code")
    return answer


async def _secret_of(provider: Provider) -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    if provider.secret_id is None:
        return None
    try:
        return await secrets.newest_text(provider.secret_id)
    except (BotoCoreError, ClientError):
        raise ProviderFailedError("the client's secret cannot be read") from None


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise ProviderFailedError(f"the provider gave no {name}")
    return value


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
