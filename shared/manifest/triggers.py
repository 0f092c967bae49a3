"""What can start a function. Each trigger's constructor refuses what AWS would refuse."""

import re
from dataclasses import dataclass

from shared.manifest.limits import (
    QUEUE_NAME_CHARACTERS,
    SQS_BATCH,
    SQS_BATCH_WITH_WINDOW,
    SQS_CONCURRENCY,
    SQS_MAX_RECEIVES,
    SQS_VISIBILITY_S,
    SQS_WINDOW_S,
)

_RESERVED = frozenset({"/ping", "/sping"})
"""Paths that API Gateway answers by itself: "Important notes" of its documentation, REST APIs."""

_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+(/\{proxy\+\})?|/\{proxy\+\}")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
_DEAD = "-dead"
_LONGEST_QUEUE_NAME = QUEUE_NAME_CHARACTERS - len("switchyard-production-") - len(_DEAD)


def _require_within(name: str, value: int, allowed: range) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be {allowed.start} to {allowed.stop - 1}, not {value}")


@dataclass(frozen=True)
class Http:
    """A resource of the REST API, any method: `/health`, or all below a path: `/v1/webapp/{proxy+}`.

    `path` is a resource path in API Gateway's own syntax. Routes below it stay declared in FastAPI.
    With `api_key` the gateway refuses requests without a known API key, and meters them by its plan.
    Source: AWS, "Set up a proxy integration with a proxy resource".
    """

    path: str
    api_key: bool = False

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"{self.path!r} is not a REST API path, with an optional /{{proxy+}}")
        if self.path in _RESERVED:
            raise ValueError(f"{self.path!r} is a path that API Gateway keeps for itself")

    @property
    def prefix(self) -> str | None:
        """The path before `/{proxy+}`, or None where the trigger is one exact path."""
        return self.path.removesuffix("/{proxy+}") if self.path.endswith("/{proxy+}") else None


@dataclass(frozen=True)
class Invoke:
    """Direct invocations only; with `on_deploy`, one of them on every deployment."""

    on_deploy: bool = False


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How a queue's messages are given to its function.

    At most `batch` messages an invocation, collected for at most `window_s` seconds. A message that is
    not handled comes again after `visibility_s` seconds, and is a dead letter once it was received
    `max_receives` times. `concurrency` bounds how many invocations run at once; None leaves it to AWS.
    Raises ValueError beyond AWS's limits. Source: AWS, "Creating and configuring an Amazon SQS event
    source mapping" and "Amazon SQS message quotas".
    """

    batch: int = 10
    window_s: int = 0
    max_receives: int = 5
    visibility_s: int = 180
    concurrency: int | None = None

    def __post_init__(self) -> None:
        most = SQS_BATCH_WITH_WINDOW if self.window_s else SQS_BATCH
        _require_within("batch", self.batch, range(1, most + 1))
        _require_within("window_s", self.window_s, SQS_WINDOW_S)
        _require_within("max_receives", self.max_receives, SQS_MAX_RECEIVES)
        _require_within("visibility_s", self.visibility_s, SQS_VISIBILITY_S)
        if self.concurrency is not None:
            _require_within("concurrency", self.concurrency, SQS_CONCURRENCY)


@dataclass(frozen=True)
class Queue:
    """A queue of its own, with a queue of dead letters behind it: whoever needs it sends to it."""

    name: str
    delivery: Delivery = Delivery()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"queue name {self.name!r} is not lower-case kebab-case")
        if len(self.name) > _LONGEST_QUEUE_NAME:
            raise ValueError(
                f"queue name {self.name!r} is too long for AWS with what stands around it"
            )
        if self.name.endswith(_DEAD):
            raise ValueError(f"queue name {self.name!r} would be one of a queue of dead letters")


@dataclass(frozen=True)
class Subscribes:
    """Events of the bus, by their types: `tasks.task_queued`.

    They come through a queue that has the name of the function, so that none is lost while it fails.
    """

    types: tuple[str, ...]
    delivery: Delivery = Delivery()

    def __post_init__(self) -> None:
        if not self.types:
            raise ValueError("a subscription names at least one event type")
        for type_ in self.types:
            if not _EVENT_TYPE.fullmatch(type_):
                raise ValueError(f"{type_!r} is not an event type: domain.what_happened")


@dataclass(frozen=True)
class Schedule:
    """A periodic job: `rate(5 minutes)`, or `cron(0 3 * * ? *)` in UTC.

    Source: AWS, "Schedule types in EventBridge Scheduler".
    """

    expression: str

    def __post_init__(self) -> None:
        rate = _RATE.fullmatch(self.expression)
        if rate is None and not _CRON.fullmatch(self.expression):
            raise ValueError(f"{self.expression!r} is neither rate(...) nor cron(...)")
        if rate and (rate[1] == "1") == rate[2].endswith("s"):
            raise ValueError(f"{self.expression!r}: AWS wants `1 minute` but `2 minutes`")


@dataclass(frozen=True)
class DeadLetters:
    """What every other function's queue gave up on: one function keeps them for the operators."""

    delivery: Delivery = Delivery(visibility_s=180)


type Trigger = Http | Invoke | Queue | Subscribes | Schedule | DeadLetters
