"""Errors that a caller is told of: each class carries its status, code and title (RFC 9457).

A domain derives its own in its `errors.py`. `code` is stable: clients branch on it, and it is the
key of the message in every language. `detail` says what was wrong and what to do, in English.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: where (a path of keys and indexes), which rule, in words."""

    location: tuple[str | int, ...]
    code: str
    message: str


class ProblemError(Exception):
    """Base of every error whose answer is a problem document."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"

    keeps_changes: ClassVar[bool] = False
    """Whether what the unit of work wrote is committed all the same: the refusal itself is a fact."""

    extension: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """What its document has besides (RFC 9457, section 3.2): JSON Schemas by name, each with `examples`."""

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.members = dict(members or {})


class BadRequestError(ProblemError):
    """The request cannot be read."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class MalformedBodyError(BadRequestError):
    """The request body is not what its content type says."""

    code = "malformed_body"
    title = "Malformed body"


class IdempotencyKeyMissingError(BadRequestError):
    """This route does nothing without an Idempotency-Key, so that a repeated request is safe."""

    code = "idempotency_key_missing"
    title = "Idempotency key missing"


class IdempotencyKeyMalformedError(BadRequestError):
    """The Idempotency-Key is no key: one string of 1 to 255 visible ASCII characters, in quotes."""

    code = "idempotency_key_malformed"
    title = "Idempotency key malformed"


class UntrustedHostError(BadRequestError):
    """The request is addressed to a host that this service does not answer for."""

    code = "untrusted_host"
    title = "Untrusted host"


class UnauthorizedError(ProblemError):
    """The request carries no valid credentials."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"


class InvalidAccessTokenError(UnauthorizedError):
    """The access token is malformed, expired, revoked, or not of this service."""

    code = "invalid_token"
    title = "Invalid token"
    challenge: ClassVar[str] = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__("The access token is not valid (any more): refresh it, or log in again.")


class ForbiddenError(ProblemError):
    """The caller is known but may not do this."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class InsufficientScopeError(ForbiddenError):
    """The access token or API key is valid, but lacks the scope that this needs."""

    code = "insufficient_scope"
    title = "Insufficient scope"

    def __init__(self, *scopes: str) -> None:
        needed = " ".join(scopes)
        super().__init__(f"This needs the scope {needed}, which the token or key does not have.")
        self.challenge = f'Bearer error="insufficient_scope", scope="{needed}"'


class NotFoundError(ProblemError):
    """There is no such thing, or the caller may not know of it."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowedError(ProblemError):
    """The path exists, but not with this method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class ConflictError(ProblemError):
    """The request contradicts what is already there."""

    status = 409
    code = "conflict"
    title = "Conflict"


class IdempotencyInFlightError(ConflictError):
    """The first request with this Idempotency-Key is not answered yet: repeat the request soon."""

    code = "idempotency_in_flight"
    title = "Request in flight"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "1"}


class PreconditionFailedError(ProblemError):
    """The thing changed since the caller last saw it (RFC 9110, section 13)."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class PayloadTooLargeError(ProblemError):
    """The request body passes the limit."""

    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class UnsupportedMediaTypeError(ProblemError):
    """The request body has a content type that the route does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class ValidationFailedError(ProblemError):
    """The request is readable but breaks a rule; `errors` names each field."""

    status = 422
    code = "validation_failed"
    title = "Validation failed"


class IdempotencyKeyReusedError(ProblemError):
    """The Idempotency-Key belongs to another request of the last 24 hours: take a new one for this."""

    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class TooManyRequestsError(ProblemError):
    """Too much was asked for, or tried, in too little time: see Retry-After."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after_s)}


class ServiceUnavailableError(ProblemError):
    """Something that this service depends on does not answer."""

    status = 503
    code = "service_unavailable"
    title = "Service unavailable"
