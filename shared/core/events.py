"""Events: what happened, typed and versioned, and the envelope that they travel in.

A domain's `events.py` derives a frozen class for each. What stands in a version never changes: a
field more, less or other is a new class with the next `version`, and consumers name those they know.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError

from shared.core.correlation import Correlation
from shared.core.schema import Schema


class Event(Schema):
    """Base of every event. Its fields are its data; they hold ids and facts, never secrets."""

    type: ClassVar[str]
    """`domain.what_happened`: what subscriptions name."""
    version: ClassVar[int] = 1

    @property
    def aggregate(self) -> str:
        """The thing that it happened to: events of one aggregate are published in their order."""
        raise NotImplementedError


class PublicEvent(Event):
    """Base of the events that webhooks deliver: their data is what servers of the owner get.

    `public_type` is a name of the API (`item.created`) and so for ever; a `version` that its receivers
    could not read as they read the last is a new one. The data is what the owner may see.
    """

    public_type: ClassVar[str]
    """`thing.what_happened`: what endpoints name."""
    example: ClassVar[dict[str, Any]]
    """Data such as it is sent, for the catalogue and for tests of an endpoint."""

    owner_id: UUID | None
    """Whose endpoints get it, beside the installation's; None for these alone."""


class PublicEventsAdded(Event):
    """Many public events were added at once: they stand in the journal, and here by their ids only.

    A million of them on the bus one by one would keep everything else waiting behind them.
    """

    type: ClassVar[str] = "journal.public_events_added"

    event_ids: tuple[UUID, ...] = Field(min_length=1)

    @property
    def aggregate(self) -> str:
        """The first of them: nothing else is to be in order with it."""
        return f"journal:{self.event_ids[0]}"


class UnfitEventError(ValueError):
    """An event is not what its class says: the class was gone around. It is for developers to mend."""


class UnreadableEventError(Exception):
    """A message is no envelope, or its event is of a type or version that its consumer does not know.

    It is never dropped: the message becomes a dead letter.
    """


class Envelope(Schema):
    """An event on its way, and where it comes from.

    `sequence` rises with every event of an aggregate, so that a consumer can tell an older one.
    `correlation_id` is the request's that all of it goes back to, `causation_id` the event's that this
    one came of, `traceparent` W3C Trace Context's.
    """

    # A newer sender may say more: what is asked of an event is asked of its data.
    model_config = ConfigDict(extra="ignore")

    id: UUID
    type: str
    version: int = Field(ge=1)
    aggregate: str
    sequence: int
    occurred_at: datetime
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    data: dict[str, Any]

    @classmethod
    def read(cls, body: str) -> Self:
        """Read an envelope from a message that an EventBridge rule put into a queue.

        Raises UnreadableEventError.
        """
        try:
            return cls.model_validate(json.loads(body)["detail"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableEventError(f"no envelope of an event: {_cause(error)}") from error

    def correlation(self) -> Correlation:
        """Return the ids of what its consumer does: caused by this event, correlated as it is."""
        return Correlation(
            request_id=self.correlation_id or str(self.id),
            traceparent=self.traceparent,
            causation_id=str(self.id),
        )


def data_of(event: Event) -> dict[str, Any]:
    """Return the data of an event as JSON knows it, which its class accepts as it is.

    An instance was checked when it was made, unless it was made by `model_construct` or `model_copy`,
    or changed since. Raises UnfitEventError, which names fields and rules, and no value.
    """
    try:
        data = event.model_dump(mode="json", warnings=False)
        # Strictly: what JSON Schema calls an integer is no text that holds one.
        type(event).model_validate_json(json.dumps(data, allow_nan=False), strict=True)
    except ValidationError as error:
        raise _unfit(event, _cause(error)) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise _unfit(event, f"it is no JSON ({type(error).__name__})") from None
    return data


def _unfit(event: Event, why: str) -> UnfitEventError:
    return UnfitEventError(f"{event.type} does not fit its schema: {why}")


def event_of[E: Event](envelope: Envelope, *, known: Iterable[type[E]]) -> E:
    """Return the event of an envelope, as the one of `known` that has its type and version.

    Raises UnreadableEventError.
    """
    name, version = envelope.type, envelope.version
    for class_ in known:
        if (class_.type, class_.version) == (name, version):
            try:
                return class_.model_validate(envelope.data)
            except ValidationError as error:
                raise UnreadableEventError(f"{name}: {_cause(error)}") from error
    raise UnreadableEventError(f"nothing here knows {name} in version {version}")


def _cause(error: Exception) -> str:
    # Of pydantic's message only where and which rule: what was sent may be somebody's secret.
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors()
        )
    return type(error).__name__
