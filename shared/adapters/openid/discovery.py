"""What a provider says of itself (OpenID Connect Discovery 1.0), and its keys, kept for a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.adapters.openid.http import ProviderFailedError, get_json
from shared.config.federation import Provider
from shared.core.clock import now

LIFE = timedelta(hours=1)
"""How long the document and the keys are used before they are fetched again."""

RETRY = timedelta(minutes=1)
"""How long a process waits before it fetches keys again for an unknown one: forged ids cost nothing."""

_KINDS: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}


class Metadata(BaseModel):
    """What is used of a provider's document."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """A key that verifies signatures; without an id, where the provider gives none."""

    id: str | None
    key: RSAKey | ECKey


@dataclass(frozen=True, kw_only=True)
class _Fetched[T]:
    value: T
    at: datetime


_metadata: dict[str, _Fetched[Metadata]] = {}
_keys: dict[str, _Fetched[tuple[PublicKey, ...]]] = {}


async def metadata_of(provider: Provider) -> Metadata:
    """Return a provider's document. Raises ProviderFailedError, ProviderRefusedError."""
    kept = _metadata.get(provider.issuer)
    if kept and now() - kept.at < LIFE:
        return kept.value
    # Section 4: a slash that ends the issuer is left out before the path is added.
    place = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        found = Metadata.model_validate(await get_json(place))
    except ValidationError:
        raise ProviderFailedError("the provider's document lacks what it needs") from None
    if found.issuer != provider.issuer:
        # Section 4.3. Else one provider could speak for another.
        raise ProviderFailedError("the provider's document names another issuer")
    _metadata[provider.issuer] = _Fetched(value=found, at=now())
    return found


async def keys_of(metadata: Metadata, *, key_id: str | None) -> tuple[PublicKey, ...]:
    """Return the keys that may have signed under an id. Raises ProviderFailedError, ProviderRefusedError."""
    kept = _keys.get(metadata.issuer)
    if kept is None or now() - kept.at >= LIFE:
        kept = await _fetch_keys(metadata)
    if not _matching(kept.value, key_id) and now() - kept.at >= RETRY:
        kept = await _fetch_keys(metadata)
    return _matching(kept.value, key_id)


def forget() -> None:
    """Forget what is at hand of all providers: for tests."""
    _metadata.clear()
    _keys.clear()


async def _fetch_keys(metadata: Metadata) -> _Fetched[tuple[PublicKey, ...]]:
    answer = await get_json(metadata.jwks_uri)
    listed = answer.get("keys") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise ProviderFailedError("the provider's keys are no JWK Set")
    read = (_read(each) for each in listed)
    fetched = _Fetched(value=tuple(each for each in read if each), at=now())
    _keys[metadata.issuer] = fetched
    return fetched


def _matching(keys: tuple[PublicKey, ...], key_id: str | None) -> tuple[PublicKey, ...]:
    # A token without an id is signed by the only key there is (OpenID Connect Core, section 10.1).
    if key_id is None:
        return keys if len(keys) == 1 else ()
    return tuple(each for each in keys if each.id == key_id)


def _read(listed: Any) -> PublicKey | None:
    """Return a key of a set, or None where it is of no use here: for encryption, symmetric, malformed."""
    if not isinstance(listed, dict) or listed.get("use", "sig") != "sig":
        return None
    kind, key_id = _KINDS.get(str(listed.get("kty"))), listed.get("kid")
    if kind is None or not isinstance(key_id, str | None):
        return None
    try:
        return PublicKey(id=key_id, key=kind.import_key(listed))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
