"""Runs in which something dies at a random boundary, what follows, and what must then be true."""

import copy
import json
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from infra_cdk.registry import ROOT
from shared.core.events import Envelope
from tests.crash.aws import SECRET
from tests.crash.scenarios import Happened, event_id
from tests.crash.world import BUCKET, DRIVERS, PUBLIC_URL, World

MOST_TRIES = 60
"""Deliveries after the crash within which everything must be done."""


@dataclass
class Run:
    """One run: what is prepared, what is delivered again, and what is checked, by scenario."""

    scenario: ClassVar[str]

    world: World
    driver: str
    id: UUID = field(default_factory=uuid4)

    @abstractmethod
    def prepare(self) -> dict[str, Any]:
        """Put things where the run needs them; return the event that is handled first."""

    @abstractmethod
    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Do what callers, queues and schedules do after a crash, until all is done."""

    @abstractmethod
    def faults(self) -> Iterator[str]:
        """Say what was lost, done twice, or is stuck."""

    def again(self, event: Mapping[str, Any], **options: Any) -> Any:
        """Let a process without a doom handle an event; return its answer, or None."""
        told = self.world.run(self.scenario, event, driver=self.driver, **options)
        return (told["said"] or {}).get("answer")

    def left_in_outbox(self) -> Iterator[str]:
        """Say whether a row of the outbox can no longer be published."""
        for (type_,) in self.world.rows("SELECT type FROM outbox WHERE set_aside_at IS NOT NULL"):
            yield f"an event is set aside: {type_}"


class RequestRun(Run):
    """A request that writes and emits; its client sends it again with the same Idempotency-Key."""

    scenario = "request"

    def prepare(self) -> dict[str, Any]:
        """Make a user and their request."""
        add_user(self.world, self.id)
        self._event = request_event(self.id, {"kind": "export_items", "format": "csv"})
        return self._event

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Send it until it is answered."""
        answer = (outcome["said"] or {}).get("answer")
        self._answers: list[Any] = [answer] if _status(answer) == 202 else []
        for _ in range(MOST_TRIES):
            answer = self.again(self._event)
            if _status(answer) == 202:
                self._answers.append(answer)
                break

    def faults(self) -> Iterator[str]:
        """One task, one event, and every answer is about them."""
        tasks = self.world.rows("SELECT id FROM tasks WHERE owner_id = %s", self.id)
        if len(tasks) != 1:
            yield f"{len(tasks)} tasks for one request"
        told = {json.loads(answer["body"])["id"] for answer in self._answers}
        if told != {str(id_) for (id_,) in tasks}:
            yield f"the client was told of {told}, there are {tasks}"
        queued = self.world.rows(
            "SELECT count(*) FROM outbox WHERE type = 'tasks.task_queued' AND aggregate = ANY(%s)",
            [f"task:{id_}" for (id_,) in tasks],
        )
        if queued[0][0] != 1:
            yield f"{queued[0][0]} events for one task"
        self.world.execute("DELETE FROM outbox")
        yield from self.left_in_outbox()


class RelayRun(Run):
    """The relay, over a few aggregates; the bus refuses a part of it, for the moment."""

    scenario = "relay"

    def prepare(self) -> dict[str, Any]:
        """Fill the outbox."""
        chance = self.world.chance
        self.world.execute("DELETE FROM outbox")
        self._sent: dict[str, list[str]] = defaultdict(list)
        self._before = len(self.world.aws.events)
        for _ in range(chance.randint(1, 30)):
            aggregate, id_ = f"crash:{self.id}:{chance.randint(1, 6)}", uuid4()
            self.world.execute(
                "INSERT INTO outbox (id, type, version, aggregate, data, occurred_at)"
                " VALUES (%s, 'crash.happened', 1, %s, '{}', now())",
                id_,
                aggregate,
            )
            self._sent[aggregate].append(str(id_))
        self.world.aws.refusals = chance.choice((0, 0, 0.3))
        return NUDGE

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Let the schedule run it, and leases end, until the outbox is empty."""
        self.world.aws.refusals = 0
        for _ in range(MOST_TRIES):
            if not self.world.rows("SELECT 1 FROM outbox"):
                return
            self.world.recover()
            # Two at once, as a nudge and the schedule may be, could not be told apart from one here:
            # that is tested where both run in one process.
            self.again(NUDGE)

    def faults(self) -> Iterator[str]:
        """Every event is on the bus, and first came in the order of its aggregate."""
        came: dict[str, list[str]] = defaultdict(list)
        for event in self.world.aws.events[self._before :]:
            if event["id"] not in came[event["aggregate"]]:
                came[event["aggregate"]].append(event["id"])
        if came != self._sent:
            yield f"the bus got {dict(came)} of {dict(self._sent)}"
        if self.world.rows("SELECT 1 FROM outbox"):
            yield "the outbox is not empty"


class ConsumerRun(Run):
    """A consumer; its queue delivers twice and out of order, and again what was not acknowledged."""

    scenario = "consumer"

    def prepare(self) -> dict[str, Any]:
        """Queue events, some of them doubly."""
        chance = self.world.chance
        self._numbers = range(chance.randint(1, 5))
        numbers = [
            *self._numbers,
            *chance.sample(self._numbers, chance.randint(0, 3) % len(self._numbers)),
        ]
        self._queue = {str(uuid4()): self._body(number) for number in numbers}
        return self._batch()

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Deliver until everything is acknowledged, and then all of it once more."""
        everything = dict(self._queue)
        self._acknowledge((outcome["said"] or {}).get("answer"))
        for _ in range(MOST_TRIES):
            if not self._queue:
                break
            self._acknowledge(self.again(self._batch()))
        self._stuck = len(self._queue)
        self._queue = everything
        self.again(self._batch())

    def faults(self) -> Iterator[str]:
        """Each event has one effect, and one event of its own."""
        if self._stuck:
            yield f"{self._stuck} messages were never handled"
        rows = self.world.rows("SELECT number FROM crash_effects WHERE run = %s", str(self.id))
        if (counts := Counter(number for (number,) in rows)) != Counter(self._numbers):
            yield f"effects: {dict(counts)}"
        rows = self.world.rows(
            "SELECT data->>'number' FROM outbox WHERE data->>'run' = %s", str(self.id)
        )
        if Counter(int(number) for (number,) in rows) != Counter(self._numbers):
            yield f"events: {rows}"
        self.world.execute("DELETE FROM outbox")

    def _acknowledge(self, answer: Any) -> None:
        if answer is None or "error" in answer:
            return
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        self._queue = {id_: body for id_, body in self._queue.items() if id_ in failed}

    def _batch(self) -> dict[str, Any]:
        delivered = list(self._queue.items())
        self.world.chance.shuffle(delivered)
        return {"Records": [record_of(id_, body) for id_, body in delivered]}

    def _body(self, number: int) -> str:
        return message_of(
            Happened.type,
            id_=event_id(self.id, number + 1),
            aggregate=f"crash:{self.id}",
            data={"run": str(self.id), "number": number},
        )


class TaskRun(Run):
    """A task in steps: the import of a file in which some rows are wrong."""

    scenario = "task"

    def prepare(self) -> dict[str, Any]:
        """Upload a file, and queue its import."""
        chance = self.world.chance
        add_user(self.world, self.id)
        rows = chance.randint(1, 40)
        self._bad = {row for row in range(rows) if chance.random() < 0.15}
        self._good = sorted(f"row {row}" for row in range(rows) if row not in self._bad)
        lines = ("" if row in self._bad else f"row {row}" for row in range(rows))
        text = "name,description\r\n" + "".join(f"{line},text\r\n" for line in lines)
        self.world.s3.put_object(Bucket=BUCKET, Key=f"uploads/{self.id}/{self.id}", Body=text)
        self.world.execute(
            "INSERT INTO tasks (id, owner_id, kind, parameters, created_at, updated_at)"
            " VALUES (%s, %s, 'import_items', %s, now(), now())",
            self.id,
            self.id,
            json.dumps({"upload_id": str(self.id)}),
        )
        data = {"task_id": str(self.id), "owner_id": str(self.id), "kind": "import_items"}
        aggregate = f"task:{self.id}"
        self._messages = [
            message_of("tasks.task_queued", id_=uuid4(), aggregate=aggregate, data=data)
        ]
        return self._next()

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Deliver what the queue holds, each message twice, and what the steps themselves queue."""
        for _ in range(MOST_TRIES):
            self._take_continuations()
            if self._is_finished() or not self._messages:
                break
            answer = self.again(
                self._next(), remaining_ms=self.world.chance.choice((25_000, 600_000))
            )
            if answer and answer.get("batchItemFailures") == []:
                self.again(self._next())
                del self._messages[0]
        self._take_continuations()

    def faults(self) -> Iterator[str]:
        """Every good row is an item once, every bad one is reported once, and the end is told once."""
        world, owner = self.world, self.id
        names = sorted(
            name for (name,) in world.rows("SELECT name FROM items WHERE owner_id = %s", owner)
        )
        if names != self._good:
            yield f"items: {names} of {self._good}"
        lines = {
            line
            for (line,) in world.rows("SELECT line FROM task_row_errors WHERE task_id = %s", owner)
        }
        if lines != {row + 2 for row in self._bad}:
            yield f"errors in lines {lines} of rows {self._bad}"
        state = world.rows("SELECT state, result, done, total FROM tasks WHERE id = %s", owner)
        rows = len(self._good) + len(self._bad)
        if state[0][0] != "succeeded" or state[0][2:] != (rows, rows):
            yield f"the task is {state}"
        for type_, data in (
            ("tasks.task_finished", {"task_id": str(self.id)}),
            ("mail.mail_requested", {}),
        ):
            found = world.rows(
                "SELECT count(*) FROM outbox WHERE type = %s AND data @> %s",
                type_,
                json.dumps(data),
            )
            if found[0][0] != 1:
                yield f"{found[0][0]} {type_}"
        world.execute("DELETE FROM outbox")

    def _next(self) -> dict[str, Any]:
        return {"Records": [record_of(str(uuid4()), self._messages[0])]}

    def _is_finished(self) -> bool:
        found = self.world.rows("SELECT finished_at FROM tasks WHERE id = %s", self.id)
        return found[0][0] is not None

    def _take_continuations(self) -> None:
        """Publish, as the relay would, what the steps queue for themselves."""
        rows = self.world.rows(
            "DELETE FROM outbox WHERE type = 'tasks.task_continued' RETURNING id, aggregate, data"
        )
        self._messages += [
            message_of("tasks.task_continued", id_=id_, aggregate=aggregate, data=data)
            for id_, aggregate, data in rows
        ]


def run_once(world: World, kind: type[Run], *, driver: str, at: int, happening: str) -> list[str]:
    """Do one run to its end; return its faults."""
    run = kind(world, driver)
    event = run.prepare()
    outcome = world.run(kind.scenario, event, driver=driver, at=at, happening=happening)
    world.recover()
    run.finish(outcome)
    return list(run.faults())


def boundaries_of(world: World, kind: type[Run], *, driver: str) -> int:
    """Return how many boundaries a run passes in which nothing happens. Raises where it fails."""
    run = kind(world, driver)
    outcome = world.run(kind.scenario, run.prepare(), driver=driver)
    run.finish(outcome)
    if faults := list(run.faults()):
        told = f"{faults}, {outcome}\n{world.log.read_text()[-1500:]}"
        raise AssertionError(f"{kind.scenario} by {driver} without a crash: {told}")
    boundaries: int = outcome["said"]["boundaries"]
    return boundaries


def add_user(world: World, id_: UUID) -> None:
    """Add a user whose name is their id, and a session with the same id."""
    name = str(id_)
    world.execute(
        "INSERT INTO users (id, username, email, password_hash, created_at, updated_at)"
        " VALUES (%s, %s, %s, '', now(), now())",
        id_,
        name,
        f"{name}@example.com",
    )
    world.execute(
        "INSERT INTO sessions (id, user_id, scope, methods, device, address, last_seen_at,"
        " expires_at, created_at, updated_at)"
        " VALUES (%s, %s, 'account', '[]', '', '', now(), now() + interval '1 day', now(), now())",
        id_,
        id_,
    )


def request_event(user: UUID, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the proxy event of a request for a task."""
    event: dict[str, Any] = copy.deepcopy(_EVENT)
    event |= {"path": "/v2/webapp/tasks", "body": json.dumps(body), "isBase64Encoded": False}
    event["pathParameters"] = {"proxy": "tasks"}
    headers = {"Authorization": f"Bearer {token_of(user)}", "Idempotency-Key": str(user)}
    event["headers"] |= headers
    event["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return event


_EVENT = json.loads((ROOT / "events" / "http" / "webapp" / "create_item.json").read_text())


def token_of(user: UUID) -> str:
    """Return an access token, signed as the service does, of the session that `add_user` made."""
    from joserfc import jwt

    from shared.adapters.signing_keys import ALGORITHM, derive_key

    issued = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": PUBLIC_URL,
        "aud": PUBLIC_URL,
        "sub": str(user),
        "sid": str(user),
        "scope": "account",
        "jti": str(user),
        "iat": issued,
        "exp": issued + 3600,
    }
    key = derive_key(SECRET)
    header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.thumbprint()}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def message_of(type_: str, *, id_: UUID, aggregate: str, data: Mapping[str, Any]) -> str:
    """Return the body of a message that a rule of the bus would queue."""
    envelope = Envelope(
        id=id_,
        type=type_,
        version=1,
        aggregate=aggregate,
        sequence=1,
        occurred_at=datetime.now(UTC),
        data=dict(data),
    )
    return json.dumps({"detail-type": type_, "detail": envelope.model_dump(mode="json")})


def record_of(id_: str, body: str) -> dict[str, Any]:
    """Return a record of Lambda's SQS event."""
    return {
        "messageId": id_,
        "receiptHandle": f"receipt of {id_}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:switchyard-local-crash",
        "awsRegion": "eu-west-1",
    }


def _status(answer: Any) -> int | None:
    return answer.get("statusCode") if isinstance(answer, dict) else None


def kinds() -> list[tuple[type[Run], str]]:
    """Return every scenario by every driver."""
    from tests.crash.webhooks import FanOutRun, WebhookRun

    runs = (RequestRun, RelayRun, ConsumerRun, TaskRun, FanOutRun, WebhookRun)
    return [(kind, driver) for kind in runs for driver in DRIVERS]


NUDGE = {"Records": [record_of("nudge", "{}")]}
