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

    owner_id: UUID


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
