"""What is refused of webhooks, and why."""

from shared.core.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    ValidationFailedError,
)


class EndpointNotFoundError(NotFoundError):
    """There is no such endpoint, or it is not the caller's."""

    code = "endpoint_not_found"
    title = "Endpoint not found"

    def __init__(self) -> None:
        super().__init__("There is no endpoint with this id, or it is not yours.")


class MessageNotFoundError(NotFoundError):
    """There is no such message, or it is not the caller's; messages are kept for a while only."""

    code = "message_not_found"
    title = "Message not found"

    def __init__(self) -> None:
        super().__init__("There is no message with this id, or it is not yours, or it is too old.")


class AttemptNotFoundError(NotFoundError):
    """There is no such attempt, or it is not the caller's; the log is kept for a while only."""

    code = "attempt_not_found"
    title = "Attempt not found"

    def __init__(self) -> None:
        super().__init__("There is no attempt with this id, or it is not yours, or it is too old.")


class TooManyEndpointsError(ConflictError):
    """The owner has as many endpoints as one may have."""

    code = "too_many_endpoints"
    title = "Too many endpoints"

    def __init__(self, most: int) -> None:
        super().__init__(f"There are at most {most} endpoints: remove one.")


class EndpointNotEnabledError(ConflictError):
    """The endpoint is sent nothing now."""

    code = "endpoint_not_enabled"
    title = "Endpoint not enabled"

    def __init__(self) -> None:
        super().__init__("The endpoint is disabled or not verified yet: enable it first.")


class UnfitUrlError(ValidationFailedError):
    """Nothing may be sent to the address."""

    def __init__(self, why: str) -> None:
        field = FieldError(location=("body", "url"), code="unfit_url", message=why)
        super().__init__("Nothing may be sent to this address.", errors=[field])


class UnknownEventTypeError(ValidationFailedError):
    """The catalogue has no such type."""

    def __init__(self, *location: str | int, name: str) -> None:
        message = f"No event has the type {name}: see the list of event types."
        field = FieldError(location=("body", *location), code="unknown_event_type", message=message)
        super().__init__("There is no such event type.", errors=[field])


class TooManySecretsError(ConflictError):
    """As many secrets of the scheme sign as may at once."""

    code = "too_many_secrets"
    title = "Too many secrets"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} secrets of this scheme sign already: wait until one ends, or end them all by an "
            "overlap of 0."
        )


class UnfitHeaderError(ValidationFailedError):
    """A header cannot be the owner's own."""

    def __init__(self, name: str, *, why: str) -> None:
        field = FieldError(location=("body", "headers", name), code="unfit_header", message=why)
        super().__init__("A header cannot be sent so.", errors=[field])


class HeadersNeededError(ValidationFailedError):
    """Another host would be sent the headers that were given for this one."""

    def __init__(self) -> None:
        message = "They were for another host: give them again, or {} for none."
        field = FieldError(location=("body", "headers"), code="headers_needed", message=message)
        super().__init__("The endpoint's own headers do not go to another host.", errors=[field])


class EmptyRangeError(ValidationFailedError):
    """A range of time has nothing in it."""

    def __init__(self) -> None:
        message = "It has to be later than `since`."
        field = FieldError(location=("body", "until"), code="empty_range", message=message)
        super().__init__("The range of time ends before it begins.", errors=[field])
