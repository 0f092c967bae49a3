"""The worker: it claims what is due, posts many messages at a time, and keeps what came of them in batches.

Claiming, posting and keeping go on beside each other. What is claimed when the time is up is still posted
and kept; what a killed worker had is claimed again once its lease has ended, and sent again by the same id.
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters.database.sessions import autocommit
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, Unit, count
from shared.core.clock import now
from shared.domains.webhooks.repository import deliveries, health
from shared.domains.webhooks.repository.deliveries import Claim, Claimed, Limits
from shared.domains.webhooks.schemas import DeliveryState
from shared.domains.webhooks.service.bodies import Bodies, Body
from shared.domains.webhooks.service.nudging import nudge_in
from shared.domains.webhooks.service.planner import CIRCUIT_FAILURES
from shared.domains.webhooks.service.posting import Post, Result, attempt, given_up, put_off
from shared.domains.webhooks.service.settling import settle
from shared.domains.webhooks.service.signers import Receivers

LIMITS = Limits(
    limit=320,
    most=128,
    careful=4,
    lease=timedelta(seconds=90),
    ahead=timedelta(milliseconds=250),
    window=64,
)
"""`limit` is how many messages a worker has in hand, so that claims go on beside the posts of others.

The lease is longer than they wait for each other, with the longest attempts and the record of them.
"""

SLOTS = 64
"""How many messages a worker posts at a time."""

LATEST = timedelta(seconds=35)
"""What must be left of a lease to begin an attempt: with a connection waited for it takes 30 seconds."""

RECORDERS = 2
"""How many records of results are under way at a time."""

EACH = 24
"""And to one endpoint: one that hangs leaves most of the slots to others."""

REFILL = 0.5
"""Which part of the hand is worth a claim once it is free; less of it waits for that for `IDLE_S`."""

BATCH = 64
"""So many results are worth a record of them; fewer wait for it for `BATCH_WAIT_S`."""

BATCH_WAIT_S = 0.02

IDLE_S = 0.25
"""How long a worker with messages on their way waits before it looks for others again, in seconds."""

LINGER_S = 1.0
"""What is due within so many seconds is waited for."""

MOST_IDLE = 5
"""So often in a row; then the worker ends."""

SWEEP_S = 60
"""What is due later than this the schedule does."""


@dataclass(kw_only=True)
class Delivered:
    """What a run did: how many attempts there were, and of these delivered their message."""

    attempts: int = 0
    delivered: int = 0
    given_up: int = 0
    lag_ms: float = 0
    """How long the delivered message that waited longest for its first attempt had waited."""
    open_circuits: int = 0


async def deliver(
    *, has_time: Callable[[], bool], post: Post, limits: Limits = LIMITS
) -> Delivered:
    """Deliver until nothing is due, or `has_time` says that the time is up.

    Raises ServiceUnavailableError where the database does not answer.
    """
    worker = _Worker(has_time=has_time, post=post, limits=limits)
    await worker.work()
    await _come_again(worker)
    async with autocommit() as session:
        worker.done.open_circuits = await health.count_open(session, at=now())
    _measure(worker.done)
    return worker.done


class _Found(Enum):
    """What a claim found."""

    MUCH = auto()
    """There may be more."""
    SOME = auto()
    NOTHING = auto()


class _Worker:
    """A run, and what it has in hand."""

    def __init__(self, *, has_time: Callable[[], bool], post: Post, limits: Limits) -> None:
        self.done = Delivered()
        self.ran_out = False
        self._has_time = has_time
        self._post = post
        self._limits = limits
        self._receivers = Receivers()
        self._bodies = Bodies()
        self._in_hand: dict[UUID, Body | None] = {}
        self._waiting = 0
        self._next: deque[Claimed] = deque()
        self._behind: defaultdict[UUID, deque[Claimed]] = defaultdict(deque)
        self._under_way: Counter[UUID] = Counter()
        self._failures: Counter[UUID] = Counter()
        self._after = UUID(int=0)
        self._found_any = self._found_more = False
        self._posting: set[asyncio.Task[None]] = set()
        self._results: list[Result] = []
        self._unsettled = 0
        self._freed = asyncio.Event()
        self._settled = asyncio.Event()
        self._come = asyncio.Event()
        self._claimed_all = False

    async def work(self) -> None:
        """Claim and keep beside each other, until there is nothing more to do.

        What was posted is kept even where nothing more can be claimed. Raises what either raised.
        """
        claiming = asyncio.get_running_loop().create_task(self._claim_all())
        try:
            await asyncio.gather(*(self._settle_all() for _ in range(RECORDERS)))
            await claiming
        finally:
            await self._abandon(claiming)

    async def _claim_all(self) -> None:
        try:
            # One session for all claims: a connection is looked at each time that one is asked for.
            async with autocommit() as session:
                await self._claim_more(session)
        finally:
            self._claimed_all = True
            self._come.set()

    async def _claim_more(self, session: AsyncSession) -> None:
        idle = 0
        while idle < MOST_IDLE:
            if not self._has_time():
                self.ran_out = True
                break
            found = await self._claim(session)
            if found is _Found.MUCH:
                await self._until_free()
            elif self._is_busy or self._unsettled:
                # What is free now, others have; what this one has is free once it is settled.
                await self._until_settled()
            elif found is _Found.NOTHING:
                if not await self._linger(session):
                    break
                idle += 1
                continue
            idle = 0

    async def _claim(self, session: AsyncSession) -> "_Found":
        """Claim for the free slots, and begin to post."""
        free = self._free
        claim = await deliveries.claim(
            session, at=now(), after=self._after, limits=replace(self._limits, limit=free)
        )
        self._after = claim.after
        if claim.deliveries:
            await self._receivers.learn(claim.deliveries)
            await self._bodies.learn(claim.deliveries)
            for each in claim.deliveries:
                self._take(each)
        return self._found_by(claim)

    def _found_by(self, claim: Claim) -> "_Found":
        """Tell what a whole round found, by its last claim."""
        self._found_any |= bool(claim.deliveries)
        self._found_more |= claim.is_cut
        if not claim.is_end:
            return _Found.MUCH
        found = _Found.SOME if self._found_any else _Found.NOTHING
        found = _Found.MUCH if self._found_more else found
        self._found_any = self._found_more = False
        return found

    @property
    def _free(self) -> int:
        return self._limits.limit - len(self._posting) - self._waiting

    @property
    def _is_busy(self) -> bool:
        return bool(self._posting or self._waiting)

    def _take(self, claimed: Claimed) -> None:
        """Have a delivery in hand: it is posted once its endpoint, and then the worker, has a slot for it."""
        self._unsettled += 1
        self._waiting += 1
        # Held here: it may wait for longer than what was sent last is kept.
        self._in_hand[claimed.id] = self._bodies.find(claimed.event_id)
        if claimed.wait_s:
            asyncio.get_running_loop().call_later(claimed.wait_s, self._line_up, claimed)
        else:
            self._line_up(claimed)

    def _line_up(self, claimed: Claimed) -> None:
        if self._under_way[claimed.endpoint_id] < EACH:
            self._under_way[claimed.endpoint_id] += 1
            self._next.append(claimed)
        else:
            self._behind[claimed.endpoint_id].append(claimed)
        self._begin_some()

    def _begin_some(self) -> None:
        while self._next and len(self._posting) < SLOTS:
            self._begin(self._next.popleft())

    def _begin(self, claimed: Claimed) -> None:
        self._waiting -= 1
        task = asyncio.get_running_loop().create_task(self._deliver(claimed))
        self._posting.add(task)
        task.add_done_callback(self._ended)

    def _leave(self, endpoint_id: UUID) -> None:
        """Give the slot of an endpoint to what waits for it, behind what others have waiting."""
        if behind := self._behind[endpoint_id]:
            self._next.append(behind.popleft())
        else:
            self._under_way[endpoint_id] -= 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._posting.discard(task)
        self._begin_some()
        self._freed.set()
        self._come.set()

    async def _deliver(self, claimed: Claimed) -> None:
        body = self._in_hand.pop(claimed.id)
        try:
            # Not in one line: the list that is there when the attempt begins is another one at its end.
            result = await self._attempt(claimed, body)
            self._results.append(result)
        except Exception:  # noqa: BLE001  # one message is no reason to lose the others
            # Its claim ends by itself, and is counted: see MOST_CLAIMS.
            self._unsettled -= 1
            logger().exception("a webhook failed here", extra={"delivery_id": claimed.id})
        finally:
            self._leave(claimed.endpoint_id)

    async def _attempt(self, claimed: Claimed, body: Body | None) -> Result:
        is_open = self._failures[claimed.endpoint_id] >= CIRCUIT_FAILURES
        if is_open or claimed.lease - now() < LATEST:
            # Its circuit opened while this one waited here, or it waited for too long.
            return put_off(claimed, until=now())
        result = await self._post_one(claimed, body)
        if result.outcome and result.outcome.succeeded:
            del self._failures[claimed.endpoint_id]
        elif result.outcome:
            self._failures[claimed.endpoint_id] += 1
        return result

    async def _post_one(self, claimed: Claimed, body: Body | None) -> Result:
        receiver = self._receivers.find(claimed.endpoint_id)
        if receiver is None or body is None:
            return given_up(claimed, why="forgotten", text="What was to be sent is kept no more.")
        sent = body.sent(to_operators=receiver.is_installations)
        return await attempt(claimed, receiver=receiver, body=sent, post=self._post)

    async def _settle_all(self) -> None:
        while not (self._claimed_all and not self._is_busy and not self._results):
            await self._come.wait()
            self._come.clear()
            if self._results:
                await self._gather()
                await self._settle_some()

    async def _gather(self) -> None:
        """Wait a little for more results, unless there are many, or nothing else is under way."""
        loop = asyncio.get_running_loop()
        until = loop.time() + BATCH_WAIT_S
        while self._is_busy and len(self._results) < BATCH and (left := until - loop.time()) > 0:
            await _wait(self._come, left)
            self._come.clear()

    async def _settle_some(self) -> None:
        results, self._results = self._results, []
        await settle(results)
        self._unsettled -= len(results)
        for each in results:
            self._note(each)
        self._settled.set()
        self._come.set()

    def _note(self, result: Result) -> None:
        self.done.attempts += bool(result.attempt)
        self.done.given_up += result.state is DeliveryState.FAILED
        if result.state is not DeliveryState.DELIVERED:
            return
        self.done.delivered += 1
        if not result.claimed.attempts:
            waited = (now() - result.claimed.created_at).total_seconds() * 1000
            self.done.lag_ms = max(self.done.lag_ms, waited)

    async def _until_free(self) -> None:
        enough = max(1, int(self._limits.limit * REFILL))
        loop = asyncio.get_running_loop()
        until = loop.time() + IDLE_S
        while self._free < enough and (not self._free or loop.time() < until):
            self._freed.clear()
            await _wait(self._freed, max(until - loop.time(), IDLE_S / 10))

    async def _until_settled(self) -> None:
        self._settled.clear()
        await _wait(self._settled, IDLE_S)

    async def _linger(self, session: AsyncSession) -> bool:
        """Wait for what is due within a moment; tell whether there is any."""
        due = await deliveries.next_due(session, at=now())
        wait_s = (due - now()).total_seconds() if due else LINGER_S + 1
        if wait_s > LINGER_S:
            return False
        await asyncio.sleep(max(wait_s, 0.01))
        return True

    async def _abandon(self, claiming: asyncio.Task[None]) -> None:
        """End what is under way: nothing, unless the database is gone."""
        tasks = [claiming, *self._posting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return


async def _come_again(worker: _Worker) -> None:
    """Have a worker come when the next message is due, if the schedule would be late for it.

    Only one that did something calls another: else each nudge would go on for ever.
    """
    if not (worker.done.attempts or worker.ran_out):
        return
    async with autocommit() as session:
        due = await deliveries.next_due(session, at=now())
    if due and (wait_s := (due - now()).total_seconds()) < SWEEP_S:
        await nudge_in(max(0, int(wait_s) + 1))


def _measure(done: Delivered) -> None:
    if done.attempts:
        count(Metric.WEBHOOKS_DELIVERED, done.delivered)
        count(Metric.WEBHOOKS_FAILED, done.attempts - done.delivered)
    if done.delivered:
        count(Metric.WEBHOOKS_LAG, done.lag_ms, unit=Unit.MILLISECONDS)
    if done.open_circuits:
        count(Metric.WEBHOOK_CIRCUITS_OPEN, done.open_circuits)
