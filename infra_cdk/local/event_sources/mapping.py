"""Which queue starts which function: Lambda's event source mappings, read from the specs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra_cdk.local.environment import ACCOUNT, QUEUE_PREFIX, REGION
from infra_cdk.registry import Registered
from shared.manifest.triggers import Delivery

_DEAD = "-dead"


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """A queue, by the name that specs give it, and the function that gets its messages."""

    queue: str
    function: str
    delivery: Delivery

    @property
    def arn(self) -> str:
        """The queue's ARN, which an event names."""
        return arn_of(self.queue)

    @property
    def dead_letters_from(self) -> str | None:
        """The ARN of the queue that its messages were given up by, where it is one of dead letters."""
        if self.queue.endswith(_DEAD):
            return arn_of(self.queue.removesuffix(_DEAD))
        return None


def event_sources_of(functions: Sequence[Registered]) -> Iterator[EventSource]:
    """Yield every queue that starts a function, those of dead letters included."""
    sources = [(source, each.spec.name) for each in functions for source in each.spec.sources]
    for source, name in sources:
        yield EventSource(queue=source.queue, function=name, delivery=source.delivery)
    for keeper in functions:
        if keeper.spec.dead_letters:
            for source, _ in sources:
                yield EventSource(
                    queue=dead_letters_of(source.queue),
                    function=keeper.spec.name,
                    delivery=keeper.spec.dead_letters.delivery,
                )


def dead_letters_of(queue: str) -> str:
    """Name the queue that gets the dead letters of another."""
    return f"{queue}{_DEAD}"


def full_name(queue: str) -> str:
    """Name a queue as moto knows it."""
    return f"{QUEUE_PREFIX}{queue}"


def arn_of(queue: str) -> str:
    """Return a queue's ARN."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{full_name(queue)}"
