"""What is refused of partners and their keys, and why."""

from collections.abc import Mapping
from typing import ClassVar

from shared.core.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthorizedError,
    ValidationFailedError,
)

CHALLENGE = "ApiKey"
"""The scheme that 401 and 403 name to who calls with a key (RFC 9110, section 11.6.1): registered is none."""


class InvalidApiKeyError(UnauthorizedError):
    """The API key is missing, malformed, of another environment, unknown or revoked."""

    code = "invalid_api_key"
    title = "Invalid API key"
    challenge: ClassVar[str] = f'{CHALLENGE} error="invalid_api_key"'

    def __init__(self) -> None:
        super().__init__("The API key is not valid (any more): send yours as x-api-key.")


class ApiKeyExpiredError(UnauthorizedError):
    """The API key is past its expiry, or past the grace after it was rotated."""

    code = "api_key_expired"
    title = "API key expired"
    challenge: ClassVar[str] = f'{CHALLENGE} error="api_key_expired"'

    def __init__(self) -> None:
        super().__init__("The API key has expired: use its successor, or make another.")


class PartnerSuspendedError(ForbiddenError):
    """The partner is suspended, and with it all of its keys."""

    code = "partner_suspended"
    title = "Partner suspended"

    def __init__(self) -> None:
        super().__init__("The partner is suspended: ask who runs this service.")


class NetworkNotAllowedError(ForbiddenError):
    """The API key is good, but not from where the request came."""

    code = "network_not_allowed"
    title = "Network not allowed"

    def __init__(self) -> None:
        super().__init__("This key may be used from some networks only, and yours is none of them.")


class PartnerNotFoundError(NotFoundError):
    """There is no such partner, or it is not the caller's."""

    code = "partner_not_found"
    title = "Partner not found"

    def __init__(self) -> None:
        super().__init__("There is no partner with this id, or you are not its admin.")


class PartnerNameTakenError(ConflictError):
    """Another partner has this name."""

    code = "partner_name_taken"
    title = "Partner name taken"

    def __init__(self) -> None:
        field = FieldError(location=("body", "name"), code="taken", message="Choose another.")
        super().__init__("Another partner has this name.", errors=[field])


class NoSuchAdminError(ValidationFailedError):
    """A partner is to be administered by a user who does not exist."""

    code = "no_such_admin"
    title = "No such admin"

    def __init__(self) -> None:
        field = FieldError(location=("body", "admin_id"), code="unknown", message="Not found.")
        super().__init__(
            "There is no user with this id: users register by themselves.", errors=[field]
        )


class PartnerKeyNotFoundError(NotFoundError):
    """The partner has no such key."""

    code = "partner_key_not_found"
    title = "Key not found"

    def __init__(self) -> None:
        super().__init__("The partner has no key with this id.")


class PartnerKeyEndedError(ConflictError):
    """The key was rotated, revoked or has expired: nothing more comes of it."""

    code = "partner_key_ended"
    title = "Key ended"

    def __init__(self) -> None:
        super().__init__("The key was rotated before, was revoked, or has expired: make another.")


class TooManyPartnerKeysError(ConflictError):
    """The partner has as many keys as one may have."""

    code = "too_many_partner_keys"
    title = "Too many keys"

    def __init__(self, most: int) -> None:
        super().__init__(f"The partner has {most} keys: revoke one that is not in use.")


class ExpiryPassedError(ValidationFailedError):
    """A new key would have expired already."""

    code = "expiry_passed"
    title = "Expiry passed"

    def __init__(self) -> None:
        message = "Choose a time to come."
        field = FieldError(location=("body", "expires_at"), code="passed", message=message)
        super().__init__("The key would have expired already.", errors=[field])


class GatewayPendingError(ServiceUnavailableError):
    """The gateway did not take a change of keys (in time): nothing is lost, the request may be repeated."""

    code = "gateway_pending"
    title = "Gateway pending"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}
