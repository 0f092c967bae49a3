"""The EventBridge bus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.adapters.aws import aws_client, call
from shared.config.messaging import event_bus_settings

SOURCE = "switchyard"
"""The source of every event of this service."""

PASSING = frozenset(
    {"InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable"}
)
"""Codes of entries that the bus may take another time. Source: AWS, "PutEvents", entry errors."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event for the bus: `detail` is JSON."""

    type: str
    detail: str
    time: datetime

    @property
    def size(self) -> int:
        """What it counts towards the limit, in bytes.

        Source: AWS, "Calculating Amazon EventBridge PutEvents event entry size".
        """
        return 14 + len(SOURCE) + len(self.type.encode()) + len(self.detail.encode())


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why the bus did not take an entry; `passing` where it may take it another time."""

    code: str
    message: str
    passing: bool


async def put_events(entries: Sequence[Entry]) -> list[Refusal | None]:
    """Put at most ten entries on the bus; return what became of each, None being that it is there.

    Raises ClientError or BotoCoreError where the bus took none of them.
    """
    bus = event_bus_settings().event_bus_name
    answer = await call(
        aws_client("events").put_events,
        Entries=[
            {
                "EventBusName": bus,
                "Source": SOURCE,
                "DetailType": each.type,
                "Detail": each.detail,
                "Time": each.time,
            }
            for each in entries
        ],
    )
    return [_refusal_of(each) for each in answer["Entries"]]


def _refusal_of(entry: Mapping[str, str]) -> Refusal | None:
    code = entry.get("ErrorCode")
    if not code:
        return None
    return Refusal(code=code, message=entry.get("ErrorMessage", ""), passing=code in PASSING)
