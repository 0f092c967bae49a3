"""What goes into dead letters and comes out of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.core.schema import Schema

PREVIEW_CHARACTERS = 500
"""How much of a body a list shows."""

MOST_AT_ONCE = 100
"""How many messages one request decides about."""

QueueName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80, pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"),
    Field(examples=["tasks"]),
]
"""A queue by the name that its spec gives it."""

Ids = Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]

Reason = Annotated[
    str,
    StringConstraints(min_length=3, max_length=500, pattern=r"^[^\x00]*$"),
    Field(examples=["The lantern was sold meanwhile: nothing is left to be done."]),
]
"""Why something is given up: for whoever reads the audit trail later."""


class DeadLetterState(StrEnum):
    """What became of a dead letter: it waits for an operator, was sent again, or was given up."""

    DEAD = "dead"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, kw_only=True)
class DeadMessage:
    """A message of a queue of dead letters. Anything may stand in it: nothing of it is checked.

    `queue` is the name that the spec gives the queue that it died in; `receives` counts how often it
    was received in all.
    """

    queue: str
    message_id: str
    body: str
    attributes: Mapping[str, str]
    message_attributes: Mapping[str, Any]
    sent_at: datetime
    receives: int


class Queue(Schema):
    """A queue, and what was given up in it. Counts are approximate, as SQS's are."""

    name: str
    depth: int | None = Field(description="Messages to be received; null: there is no such queue.")
    in_flight: int | None = Field(description="Messages that are being handled.")
    delayed: int | None = Field(description="Messages that are not due yet.")
    oldest_s: float | None = Field(
        description="Age of the oldest message in seconds; null where CloudWatch has no figure."
    )
    dead_letters: int = Field(description="Dead letters that nobody has decided about.")
    oldest_dead_letter_s: float | None = Field(
        description="How long the oldest of them has been waiting, in seconds."
    )


class OutboxState(Schema):
    """Events that are not on the bus yet."""

    waiting: int
    oldest_s: float | None = Field(description="Age of the oldest waiting one, in seconds.")
    set_aside: int = Field(description="Events that were given up and wait for an operator.")


class Queues(Schema):
    """Everything that waits."""

    queues: tuple[Queue, ...]
    outbox: OutboxState


class DeadLetterFilter(Schema):
    """Which dead letters."""

    state: DeadLetterState | None = None


class DeadLetter(Schema):
    """A message that its consumer gave up on."""

    id: UUID
    queue: str
    message_id: str = Field(description="SQS's id of it: what the consumer's log names it by.")
    event_type: str | None = Field(description="Null where the body is no envelope of an event.")
    event_id: UUID | None
    preview: str = Field(description=f"The first {PREVIEW_CHARACTERS} characters of the body.")
    size_bytes: int
    escaped: bool = Field(
        description="Whether the body holds what no text of the database holds: then a NUL is written "
        r"as `\0`, a lone surrogate as `\ud800` and a backslash as `\\`."
    )
    sent_at: datetime = Field(description="When it was sent first.")
    created_at: datetime = Field(description="When it was kept as a dead letter.")
    receives: int = Field(description="How often it was received, on its way here included.")
    state: DeadLetterState
    decided_at: datetime | None
    decided_by: UUID | None
    reason: str | None


class DeadLetterDetails(DeadLetter):
    """A dead letter with all of its body, and what helps to find out why it died."""

    body: str
    attributes: dict[str, Any] = Field(description="SQS's own.")
    message_attributes: dict[str, Any] = Field(description="Its sender's.")
    correlation_id: str | None = Field(description="The request that its event goes back to.")
    unreadable: str | None = Field(description="Why the body is no envelope of an event.")
    log_filter: str = Field(
        description="The filter pattern of CloudWatch Logs that finds each failure in the log of the "
        "queue's function."
    )


class RedriveSome(Schema):
    """Which messages to send again."""

    ids: Ids


class RedriveAll(Schema):
    """Send all that wait again, the oldest first; at most 100 a request."""

    all: Literal[True]


Redrive = RedriveSome | RedriveAll
"""What to send again."""


class Discard(Schema):
    """Which messages to give up, and why."""

    ids: Ids
    reason: Reason


class Outcome(StrEnum):
    """What became of a message: it is in its queue again, no queue takes it, or it was not sent now."""

    SENT = "sent"
    REFUSED = "refused"
    UNSENT = "unsent"


class RedriveResult(Schema):
    """What became of one message. All but a sent one wait as before."""

    id: UUID
    outcome: Outcome
    error: str | None = None


class Redriven(Schema):
    """What became of each message, and how many dead letters of the queue wait still."""

    results: tuple[RedriveResult, ...]
    remaining: int


class Decided(Schema):
    """How many were decided about, and how many wait still."""

    decided: int
    remaining: int


class SetAsideEvent(Schema):
    """An event that the bus did not take."""

    id: UUID
    sequence: int
    type: str
    version: int
    aggregate: str
    data: dict[str, Any]
    occurred_at: datetime
    set_aside_at: datetime
    attempts: int
    error: str | None
    correlation_id: str | None
    causation_id: str | None
