"""How clients prove who they are: by a secret, or by an assertion signed with their key (RFC 7523)."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy.ext.asyncio import AsyncSession

from shared.config.http import public_settings
from shared.core.clock import now
from shared.core.opaque_tokens import digest_of
from shared.domains.oauth import repository
from shared.domains.oauth.errors import InvalidClientError
from shared.domains.oauth.models import ClientRow
from shared.domains.oauth.schemas import AuthMethod, Client, ClientProof, PublicKeys
from shared.domains.oauth.service.clients import client_of
from shared.domains.oauth.service.keys import import_keys

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path, no token

LONGEST_ASSERTION = 4096
"""The characters of an assertion that is looked at at all."""

LONGEST_LIFE_S = 3600
"""How far an assertion's end may lie ahead, in seconds: an hour, as Authlib's client makes them. So long its
`jti` is kept."""

CLOCK_SKEW_S = 60
"""How far a client's clock may be off, in seconds."""

_LONGEST_JTI = 255


async def authenticate(session: AsyncSession, proof: ClientProof) -> Client:
    """Return the client that a proof is of. Raises InvalidClientError.

    It proves itself in the one way that it is registered for: no other is tried in its place.
    """
    row = await _named(session, _id_in(proof))
    if row is None or not await _is_proved(session, row, proof):
        raise InvalidClientError
    return client_of(row)


async def _is_proved(session: AsyncSession, row: ClientRow, proof: ClientProof) -> bool:
    match row.auth_method:
        case AuthMethod.NONE:
            return proof.secret is None and proof.assertion is None
        case AuthMethod.CLIENT_SECRET_BASIC if proof.secret is not None:
            return hmac.compare_digest(row.secret_digest or "", digest_of(proof.secret))
        case AuthMethod.PRIVATE_KEY_JWT if proof.assertion is not None:
            return await _is_asserted(session, row, proof.assertion)
        case _:
            return False


async def _named(session: AsyncSession, client_id: str | None) -> ClientRow | None:
    try:
        return await repository.find_client(session, UUID(client_id or ""))
    except ValueError:
        return None


def _id_in(proof: ClientProof) -> str | None:
    """Return the id that a proof names; an assertion's, whose subject says it, is believed of nothing yet."""
    if proof.assertion is None:
        return proof.client_id
    subject = _unverified(proof.assertion).get("sub")
    if proof.client_id not in {None, subject} or not isinstance(subject, str):
        return None
    return subject


def _unverified(assertion: str) -> Mapping[str, Any]:
    if len(assertion) > LONGEST_ASSERTION:
        return {}
    try:
        claims = json.loads(jws.extract_compact(assertion.encode()).payload)
    except (JoseError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


async def _is_asserted(session: AsyncSession, row: ClientRow, assertion: str) -> bool:
    """Tell whether an assertion is the client's, for this server, of this time, and new."""
    claims = _verified(row, assertion)
    if claims is None:
        return False
    used = hashlib.sha256(f"{row.id}\n{claims['jti']}".encode()).hexdigest()
    until = datetime.fromtimestamp(claims["exp"] + CLOCK_SKEW_S, UTC)
    return await repository.spend_assertion(session, used, expires_at=until)


def _verified(row: ClientRow, assertion: str) -> Mapping[str, Any] | None:
    """Return an assertion's claims, or None where something is wrong with it."""
    issuer = public_settings().public_url
    at = int(now().timestamp())
    rules = jwt.JWTClaimsRegistry(
        now=at,
        leeway=CLOCK_SKEW_S,
        iss={"essential": True, "value": str(row.id)},
        sub={"essential": True, "value": str(row.id)},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        headers = jws.extract_compact(assertion.encode()).headers()
        keys = import_keys(PublicKeys.model_validate(row.jwks))
        algorithm, key = _chosen(keys, headers.get("kid"))
        claims = jwt.decode(assertion, key, algorithms=[algorithm]).claims
        rules.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    # The issuer or the endpoint, and nobody else beside it: an assertion for another server is no proof here.
    is_meant_here = _single(claims.get("aud")) in {issuer, issuer + TOKEN_PATH}
    is_short = claims["exp"] <= at + LONGEST_LIFE_S + CLOCK_SKEW_S
    jti = claims["jti"]
    is_named = isinstance(jti, str) and 0 < len(jti) <= _LONGEST_JTI
    return claims if is_meant_here and is_short and is_named else None


def _chosen(
    keys: Mapping[str | None, tuple[str, ECKey | RSAKey]], kid: object
) -> tuple[str, ECKey | RSAKey]:
    """Return the key that a header names, or the only one. Raises KeyError."""
    if len(keys) == 1 and (kid is None or None in keys):
        return next(iter(keys.values()))
    if not isinstance(kid, str):
        raise KeyError(kid)
    return keys[kid]


def _single(audience: object) -> str | None:
    match audience:
        case str() | [str()]:
            return audience if isinstance(audience, str) else audience[0]
        case _:
            return None
