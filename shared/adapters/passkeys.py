"""Verifies what authenticators answer (Web Authentication Level 3, sections 7.1 and 7.2), by py_webauthn.

What is verified comes from strangers: whatever the library raises over it means that it is refused.
"""

import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any

from shared.config.passkeys import passkey_origins, relying_party_id

TIMEOUT_MS = 300_000
"""How long a browser lets its user take, in milliseconds (section 15.1 recommends five to ten minutes)."""

ALGORITHMS = (-8, -7, -257)
"""What a credential may sign with: Ed25519, ES256, RS256 (RFC 9053; section 5.4 asks for these)."""

type Credential = dict[str, Any]


class RefusedError(ValueError):
    """The answer is altered, or for another site, origin, challenge or key."""


@dataclass(frozen=True, kw_only=True)
class MadeCredential:
    """A credential that was made: id and public key (COSE) in base64url."""

    credential_id: str
    public_key: str
    sign_count: int
    aaguid: str
    synced: bool
    backed_up: bool


@dataclass(frozen=True, kw_only=True)
class UsedCredential:
    """What the authenticator said of itself as it signed."""

    sign_count: int
    backed_up: bool
    user_verified: bool


def challenge_in(client_data: str) -> str:
    """Return the challenge of a clientDataJSON, in base64url, as yet unverified. Raises RefusedError."""
    try:
        found = json.loads(from_base64url(client_data))
        challenge = found["challenge"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RefusedError("there is no challenge in the client data") from error
    # A page within another site's frame is not where a user logs in (section 13.4.9).
    if not isinstance(challenge, str) or found.get("crossOrigin"):
        raise RefusedError("there is no challenge in the client data, or it is another site's")
    return challenge


def derived_challenge(token: str) -> str:
    """Return the challenge, in base64url, that belongs to a secret token and tells nothing of it."""
    return to_base64url(hmac.digest(token.encode(), b"webauthn challenge", "sha256"))


def verify_made(credential: Credential, *, challenge: str) -> MadeCredential:
    """Return the credential that an authenticator made for a challenge. Raises RefusedError."""
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=from_base64url(challenge),
            expected_rp_id=relying_party_id(),
            expected_origin=list(passkey_origins()),
            supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in ALGORITHMS],
        )
    except Exception as error:
        raise RefusedError("the credential cannot be registered") from error
    return MadeCredential(
        credential_id=to_base64url(made.credential_id),
        public_key=to_base64url(made.credential_public_key),
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        synced=made.credential_device_type == "multi_device",
        backed_up=made.credential_backed_up,
    )


def verify_used(credential: Credential, *, challenge: str, public_key: str) -> UsedCredential:
    """Return what an authenticator said as it signed a challenge. Raises RefusedError.

    The count of signatures is the caller's to compare: one that goes back is a fact to be kept.
    """
    from webauthn import verify_authentication_response

    try:
        used = verify_authentication_response(
            credential=credential,
            expected_challenge=from_base64url(challenge),
            expected_rp_id=relying_party_id(),
            expected_origin=list(passkey_origins()),
            credential_public_key=from_base64url(public_key),
            credential_current_sign_count=0,
        )
    except Exception as error:
        raise RefusedError("the credential does not sign this challenge") from error
    return UsedCredential(
        sign_count=used.new_sign_count,
        backed_up=used.credential_backed_up,
        user_verified=used.user_verified,
    )


def to_base64url(data: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
