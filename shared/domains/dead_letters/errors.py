"""What dead letters refuse, and why."""

from collections.abc import Sequence

from shared.core.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    ServiceUnavailableError,
)


class QueueNotFoundError(NotFoundError):
    """The service has no such queue."""

    code = "queue_not_found"
    title = "Queue not found"

    def __init__(self, queue: str) -> None:
        super().__init__(f"There is no queue {queue!r}, and no dead letter of one.")


class QueueGoneError(ConflictError):
    """The queue is no more; its dead letters can only be discarded."""

    code = "queue_gone"
    title = "Queue gone"

    def __init__(self, queue: str) -> None:
        super().__init__(f"The queue {queue!r} is no more: nothing can be sent to it again.")


class DeadLetterNotFoundError(NotFoundError):
    """The queue has no such dead letter."""

    code = "dead_letter_not_found"
    title = "Dead letter not found"

    def __init__(self, places: Sequence[int] = ()) -> None:
        errors = [_error(place, code="unknown", message="The queue has none.") for place in places]
        super().__init__("The queue has no dead letter with this id.", errors=errors)


class DeadLetterDecidedError(ConflictError):
    """The dead letter was redriven or discarded before."""

    code = "dead_letter_decided"
    title = "Dead letter decided"

    def __init__(self, states: Sequence[tuple[int, str]]) -> None:
        errors = [_error(place, code=state, message=f"It is {state}.") for place, state in states]
        super().__init__("It is decided already: nothing was done to any of these.", errors=errors)


class EventNotFoundError(NotFoundError):
    """The outbox has no such event."""

    code = "event_not_found"
    title = "Event not found"

    def __init__(self, places: Sequence[int]) -> None:
        message = "It is published, or there never was one."
        errors = [_error(place, code="unknown", message=message) for place in places]
        super().__init__("The outbox has no event with this id.", errors=errors)


class EventNotSetAsideError(ConflictError):
    """The event is not set aside, or no more: the relay publishes it."""

    code = "event_not_set_aside"
    title = "Event not set aside"

    def __init__(self, places: Sequence[int]) -> None:
        errors = [_error(place, code="waiting", message="It waits.") for place in places]
        super().__init__("It waits to be published: nothing was done.", errors=errors)


class QueuesUnavailableError(ServiceUnavailableError):
    """The queue service does not answer."""

    code = "queues_unavailable"
    title = "Queues unavailable"

    def __init__(self) -> None:
        super().__init__("The queue service does not answer: try again soon.")


def _error(place: int, *, code: str, message: str) -> FieldError:
    return FieldError(location=("body", "ids", place), code=code, message=message)
