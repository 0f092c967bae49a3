"""Runs of webhooks: the fan-out of events, and the worker that delivers them."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

from tests.crash.aws import SECRET
from tests.crash.campaign import MOST_TRIES, NUDGE, Run, message_of, record_of

_FORGET = ("DELETE FROM webhook_endpoints", "DELETE FROM public_events", "DELETE FROM outbox")


@dataclass(frozen=True)
class Event:
    """A public event of a run."""

    id: UUID
    aggregate: str
    number: int


class _WebhookRun(Run):
    """What both have: endpoints, and events in the journal."""

    def _add_endpoints(self) -> None:
        self._forget_all()
        self._endpoints = {
            str(uuid4()): self.world.chance.choice((False, True))
            for _ in range(self.world.chance.randint(1, 3))
        }
        for id_, ordered in self._endpoints.items():
            self.world.execute(
                "INSERT INTO webhook_endpoints (id, url, event_types, ordered, state, verification,"
                " created_at, updated_at)"
                " VALUES (%s, %s, ARRAY['*'], %s, 'enabled', 'none', now(), now())",
                id_,
                f"{self.world.receiver.url}/{id_}",
                ordered,
            )
            self.world.execute("INSERT INTO webhook_health (endpoint_id) VALUES (%s)", id_)
            self.world.execute(
                "INSERT INTO webhook_secrets (id, endpoint_id, scheme, sealed, created_at,"
                " updated_at) VALUES (gen_random_uuid(), %s, 'v1', %s, now(), now())",
                id_,
                sealed_secret(),
            )

    def _add_events(self, *, most: int) -> None:
        chance = self.world.chance
        self._events = [
            Event(uuid4(), f"crash:{self.id}:{chance.randint(1, 3)}", number)
            for number in range(chance.randint(1, most))
        ]
        for each in self._events:
            data = {"aggregate": each.aggregate, "number": each.number}
            self.world.execute(
                "INSERT INTO public_events (id, type, aggregate, data, occurred_at)"
                " VALUES (%s, 'crash.happened', %s, %s, now() - interval '1 minute')",
                each.id,
                each.aggregate,
                json.dumps(data),
            )

    def _forget_all(self) -> None:
        for statement in _FORGET:
            self.world.execute(statement)

    def _expected(self) -> set[tuple[str, UUID]]:
        return {(endpoint, each.id) for endpoint in self._endpoints for each in self._events}

    def _made(self) -> list[tuple[str, UUID]]:
        rows = self.world.rows("SELECT endpoint_id, event_id FROM webhook_deliveries")
        return [(str(endpoint), event) for endpoint, event in rows]


class FanOutRun(_WebhookRun):
    """Events of the bus, doubly and out of order, that become deliveries."""

    scenario: ClassVar[str] = "fanout"

    def prepare(self) -> dict[str, Any]:
        """Write events, and queue them."""
        self._add_endpoints()
        self._add_events(most=5)
        twice = [*self._events, *self._events[:2]]
        self._queue = {
            str(uuid4()): message_of(
                "crash.happened", id_=each.id, aggregate=each.aggregate, data={}
            )
            for each in twice
        }
        return self._batch()

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Deliver until everything is acknowledged, and then all of it once more."""
        for _ in range(MOST_TRIES):
            answer = self.again(self._batch())
            if answer and answer.get("batchItemFailures") == []:
                break
        self.again(self._batch())

    def faults(self) -> Iterator[str]:
        """Each event has one delivery for each endpoint, and none waits."""
        made = self._made()
        if len(made) != len(set(made)) or set(made) != self._expected():
            yield f"deliveries: {made} of {self._expected()}"
        if self.world.rows("SELECT 1 FROM public_events WHERE fanned_out_at IS NULL"):
            yield "an event waits"
        self._forget_all()

    def _batch(self) -> dict[str, Any]:
        delivered = list(self._queue.items())
        self.world.chance.shuffle(delivered)
        return {"Records": [record_of(id_, body) for id_, body in delivered]}


class WebhookRun(_WebhookRun):
    """The worker, over a few endpoints, that refuse a part of the messages for the moment."""

    scenario: ClassVar[str] = "webhook"

    def prepare(self) -> dict[str, Any]:
        """Make deliveries."""
        self._add_endpoints()
        self._add_events(most=20)
        self.world.execute(
            "INSERT INTO webhook_deliveries"
            " (id, endpoint_id, event_id, event_type, aggregate, sequence, cause)"
            " SELECT gen_random_uuid(), e.id, p.id, p.type, p.aggregate, p.sequence, 'event'"
            " FROM webhook_endpoints e CROSS JOIN public_events p"
        )
        self.world.receiver.taken.clear()
        self.world.receiver.refusals = self.world.chance.choice((0, 0, 0.2))
        return NUDGE

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Let the schedule run it, and leases and pauses end, until nothing is pending."""
        self.world.receiver.refusals = 0
        for _ in range(MOST_TRIES):
            if not self.world.rows("SELECT 1 FROM webhook_deliveries WHERE state = 'pending'"):
                return
            self.world.recover()
            self.world.execute("UPDATE webhook_deliveries SET due_at = now()")
            self.world.execute("UPDATE webhook_health SET open_until = NULL, next_at = now()")
            self.again(NUDGE)

    def faults(self) -> Iterator[str]:
        """Every message came to every endpoint, by its id, and to ordered ones first in their order."""
        taken = self.world.receiver.taken
        came = {(each.endpoint, UUID(each.id)) for each in taken}
        if came != self._expected():
            yield f"{len(came)} messages came of {len(self._expected())}"
        by_id = {str(each.id): (each.aggregate, each.number) for each in self._events}
        if any(by_id[each.id] != (each.aggregate, each.number) for each in taken):
            yield "a message came by another's id"
        states = self.world.rows("SELECT DISTINCT CAST(state AS text) FROM webhook_deliveries")
        if states != [("delivered",)]:
            yield f"deliveries are {states}"
        logged = self.world.rows(
            "SELECT count(DISTINCT delivery_id) FROM webhook_attempts WHERE outcome = 'succeeded'"
        )
        if logged[0][0] != len(self._expected()):
            yield f"the log has {logged[0][0]} deliveries of {len(self._expected())}"
        yield from self._out_of_order()
        self._forget_all()

    def _out_of_order(self) -> Iterator[str]:
        ordered = [endpoint for endpoint, is_ordered in self._endpoints.items() if is_ordered]
        for endpoint in ordered:
            for aggregate in {each.aggregate for each in self._events}:
                numbers = [
                    each.number
                    for each in self.world.receiver.taken
                    if (each.endpoint, each.aggregate) == (endpoint, aggregate)
                ]
                if (first := list(dict.fromkeys(numbers))) != sorted(first):
                    yield f"an ordered endpoint got {numbers}"


def sealed_secret() -> str:
    """Return a new secret, sealed as the functions of a campaign unseal it."""
    from shared.adapters import secrets, vault
    from shared.core.webhook_signing import new_secret

    os.environ.setdefault("VAULT_SECRET_ID", "crash")
    secrets.read_secret = lambda _: SECRET  # type: ignore[assignment]  # the campaign's own
    return asyncio.run(vault.seal(new_secret(), purpose="webhook-secret"))
