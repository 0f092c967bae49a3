"""The worker delivers what is due, each endpoint in its turn, and keeps what came of it."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from shared.adapters import queues
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbound import outbound
from shared.adapters.outbound.answers import Answer, Reason, Unanswered
from shared.core.errors import ServiceUnavailableError
from shared.core.webhook_signing import Verifier
from shared.domains.webhooks import api
from shared.domains.webhooks.repository import deliveries as repository
from shared.domains.webhooks.schemas import (
    INSTALLATION,
    DeliveryState,
    EndpointChange,
    SecretRotation,
    SecretScheme,
)
from shared.domains.webhooks.service import bodies, delivering
from shared.domains.webhooks.service.delivering import LIMITS, Delivered, deliver
from tests.delivery_fixtures import (
    OK,
    Clock,
    Post,
    World,
    add_endpoint,
    answer_of,
    attempts,
    deliveries,
    execute,
    happen,
    health_row,
    ring,
    serving,
    unanswered,
)
from tests.shared.domains.webhooks.service.test_planner import OFFSETS_S
from tests.web_fixtures import Log

pytestmark = pytest.mark.anyio


FAILURES: list[Answer | Unanswered] = [answer_of(500), answer_of(429), unanswered()]


@pytest.fixture
def even(monkeypatch: pytest.MonkeyPatch) -> None:
    """No jitter."""
    monkeypatch.setattr(random, "random", lambda: 0.0)


@pytest.fixture
def nudges(webhooks: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The queues that messages were sent to, and their delays."""
    sent: list[tuple[str, int]] = []

    async def record(url: str, body: str, *, delay_s: int = 0) -> None:
        sent.append((url.rpartition("/")[2], delay_s))

    monkeypatch.setattr(queues, "send", record)
    return sent


async def run(world: World) -> Delivered:
    return await deliver(has_time=lambda: True, post=world.post)


async def states() -> Counter[DeliveryState]:
    return Counter(each.state for each in await deliveries())


class TestMessage:
    async def test_an_event_arrives_signed_at_a_receiver(self, webhooks: World) -> None:
        async with serving() as server:
            endpoint = await add_endpoint(url=server.url, headers={"X-Own": "mine"})
            (event_id,) = await happen(1)
            done = await deliver(has_time=lambda: True, post=outbound.post)
            await outbound.aclose()
        assert (done.attempts, done.delivered, done.given_up) == (1, 1, 0)
        (post,) = server.posts
        assert post.id == event_id
        assert post.headers["content-type"] == "application/json"
        assert post.headers["x-own"] == "mine"
        secret = endpoint.secrets[0].secret
        assert secret is not None
        told = Webhook(secret).verify(post.body, dict(post.headers))
        assert told["type"] == "bell.rang"
        assert told["data"]["number"] == 1
        (delivery,) = await deliveries()
        assert (delivery.state, delivery.attempts, delivery.claimed) == (
            DeliveryState.DELIVERED,
            1,
            False,
        )
        (attempt,) = await attempts()
        assert (attempt.status_code, attempt.number, attempt.event_id) == (200, 1, event_id)
        assert attempt.request["headers"]["X-Own"] == "***"

    async def test_all_secrets_sign_by_both_schemes(self, webhooks: World, clock: Clock) -> None:
        made = await add_endpoint(schemes=(SecretScheme.V1, SecretScheme.V1A))
        rotation = SecretRotation(scheme=SecretScheme.V1, overlap_s=60)
        async with unit_of_work() as session:
            new = await api.rotate_secret(session, made.id, owner=INSTALLATION, rotation=rotation)
        await happen(1)
        await run(webhooks)
        (post,) = webhooks.posts
        keys = [each.secret or each.public_key for each in (*made.secrets, new)]
        assert len(keys) == 3
        for key in keys:
            assert key is not None
            told = Verifier.of(key).verify(post.headers, body=post.body, at=clock.time)
            assert told == str(post.id)

    async def test_a_rotated_secret_is_used_at_once(self, webhooks: World, clock: Clock) -> None:
        made = await add_endpoint()
        await happen(1)
        await run(webhooks)
        async with unit_of_work() as session:
            new = await api.rotate_secret(
                session, made.id, owner=INSTALLATION, rotation=SecretRotation(overlap_s=0)
            )
        await happen(2)
        await run(webhooks)
        assert new.secret is not None
        last = webhooks.posts[-1]
        assert len(last.headers["webhook-signature"].split(" ")) == 1
        Verifier.of(new.secret).verify(last.headers, body=last.body, at=clock.time)

    async def test_a_large_one_is_thin_and_names_where_the_whole_is(self, webhooks: World) -> None:
        await add_endpoint()
        ids = await ring(1, note="x" * 30_000)
        await api.fan_out(ids)
        await run(webhooks)
        (post,) = webhooks.posts
        assert len(post.body) < 1_000
        url = f"https://api.example.com/v2/infrastructure/webhooks/messages/{ids[0]}"
        assert post.json["data"] == {"owner_id": None, "url": url}
        assert post.json["type"] == "bell.rang"

    async def test_a_message_of_some_size_is_whole(self, webhooks: World) -> None:
        await add_endpoint()
        await api.fan_out(await ring(1, note="x" * 19_000))
        await run(webhooks)
        assert webhooks.posts[0].json["data"]["note"] == "x" * 19_000


class TestSchedule:
    async def test_it_is_exact_and_every_attempt_has_the_same_id_and_bytes(
        self, webhooks: World, clock: Clock, even: None
    ) -> None:
        await add_endpoint()
        start = clock.time
        (event_id,) = await happen(1)
        webhooks.answers(answer_of(500))
        for offset in OFFSETS_S:
            clock.time = start + timedelta(seconds=offset, microseconds=-1)
            assert offset == 0 or (await run(webhooks)).attempts == 0
            clock.time = start + timedelta(seconds=offset)
            assert (await run(webhooks)).attempts == 1
        clock.move(days=30)
        assert (await run(webhooks)).attempts == 0
        made = await attempts()
        assert [(each.started_at - start).total_seconds() for each in made] == list(OFFSETS_S)
        assert [each.number for each in made] == list(range(1, 11))
        following = [each.next_at for each in made]
        assert following == [*(each.started_at for each in made[1:]), None]
        assert {(post.id, post.body) for post in webhooks.posts} == {
            (event_id, webhooks.posts[0].body)
        }
        stamps = [int(post.headers["webhook-timestamp"]) for post in webhooks.posts]
        assert [stamp - stamps[0] for stamp in stamps] == list(OFFSETS_S)
        assert await states() == {DeliveryState.FAILED: 1}

    @pytest.mark.parametrize("first", [answer_of(500), answer_of(302), unanswered()])
    async def test_a_failure_is_followed_by_a_success(
        self, webhooks: World, clock: Clock, even: None, first: Answer | Unanswered
    ) -> None:
        await add_endpoint()
        await happen(1)
        webhooks.answers(first, OK)
        await run(webhooks)
        assert await states() == {DeliveryState.PENDING: 1}
        clock.move(seconds=5)
        await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 1}
        assert [each.outcome.value for each in await attempts()] == ["failed", "succeeded"]

    async def test_retry_after_is_waited_for(
        self, webhooks: World, clock: Clock, even: None
    ) -> None:
        await add_endpoint()
        await happen(1)
        webhooks.answers(answer_of(503, retry_after="90"), OK)
        await run(webhooks)
        clock.move(seconds=89.9)
        assert (await run(webhooks)).attempts == 0
        clock.move(seconds=0.1)
        assert (await run(webhooks)).attempts == 1

    async def test_a_worker_is_called_for_what_is_due_within_a_minute(
        self, webhooks: World, clock: Clock, even: None, nudges: list[tuple[str, int]]
    ) -> None:
        await add_endpoint()
        await happen(1)
        nudges.clear()
        webhooks.answers(answer_of(500))
        await run(webhooks)
        assert nudges == [("webhook-delivery", 6)]
        await run(webhooks)  # it did nothing, and so calls nobody
        assert len(nudges) == 1
        clock.move(seconds=5)
        await run(webhooks)  # the next is in five minutes: the schedule comes before that
        assert len(nudges) == 1

    async def test_no_free_connection_is_no_attempt(self, webhooks: World, clock: Clock) -> None:
        endpoint = await add_endpoint()
        await happen(1)
        webhooks.answers(unanswered(Reason.BUSY), OK)
        assert (await run(webhooks)).attempts == 0
        assert await attempts() == []
        assert (await health_row(endpoint.id)).failures == 0
        clock.move(seconds=5)
        assert (await run(webhooks)).delivered == 1
        assert [each.number for each in await attempts()] == [1]


class TestFairness:
    async def test_a_dead_endpoint_does_not_keep_the_others_waiting(self, webhooks: World) -> None:
        dead = await add_endpoint(url="http://127.0.0.1:9/dead")
        for number in range(3):
            await add_endpoint(url=f"http://127.0.0.1:9/{number}")
        for number in range(30):
            await happen(number, bell=str(number))
        others_done, hangs = asyncio.Event(), 0

        async def answer(post: Post) -> Answer | Unanswered:
            nonlocal hangs
            if post.url.endswith("dead"):
                hangs += 1
                await others_done.wait()
                return unanswered()
            if sum(not each.url.endswith("dead") for each in webhooks.posts) == 90:
                others_done.set()
            return OK

        webhooks.answer = answer
        limits = repository.Limits(
            limit=8, most=4, careful=2, lease=LIMITS.lease, ahead=LIMITS.ahead, window=200
        )
        async with asyncio.timeout(20):
            await deliver(has_time=lambda: True, post=webhooks.post, limits=limits)
        assert others_done.is_set()
        # All of the others' were sent while its first ones hung; then its circuit opened.
        row = await health_row(dead.id)
        assert row.failures == hangs
        assert row.failures < 10
        assert await states() == {DeliveryState.DELIVERED: 90, DeliveryState.PENDING: 30}

    async def test_what_waits_for_a_slow_endpoint_is_not_forgotten_meanwhile(
        self, webhooks: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bodies, "KEPT", 1)
        monkeypatch.setattr(delivering, "EACH", 1)
        await add_endpoint(url="http://127.0.0.1:9/slow")
        await add_endpoint(url="http://127.0.0.1:9/fast")
        for number in range(20):
            await happen(number, bell=str(number))
        fast_done, fast = asyncio.Event(), 0

        async def answer(post: Post) -> Answer | Unanswered:
            nonlocal fast
            if post.url.endswith("slow"):
                await fast_done.wait()
                return OK
            fast += 1
            if fast == 20:
                fast_done.set()
            return OK

        webhooks.answer = answer
        await execute("UPDATE webhook_health SET succeeded_at = now()")
        limits = replace(LIMITS, limit=8, most=4)
        async with asyncio.timeout(20):
            await deliver(has_time=lambda: True, post=webhooks.post, limits=limits)
        assert await states() == {DeliveryState.DELIVERED: 40}

    async def test_an_open_circuit_uses_up_no_attempts_and_one_probe_closes_it(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        await happen(*range(40))
        webhooks.answers(answer_of(500))
        await run(webhooks)
        tried = len(webhooks.posts)
        assert 5 <= tried < 12
        row = await health_row(endpoint.id)
        assert row.open_until is not None
        clock.time = row.open_until - timedelta(milliseconds=1)
        assert (await run(webhooks)).attempts == 0
        clock.time = row.open_until
        assert (await run(webhooks)).attempts == 1  # the probe
        webhooks.answers(OK)
        clock.time = (await health_row(endpoint.id)).open_until or clock.time
        await run(webhooks)
        clock.move(minutes=10)
        await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 40}
        assert (await health_row(endpoint.id)).failures == 0

    async def test_429_slows_all_messages_of_the_endpoint_down(
        self, webhooks: World, clock: Clock, even: None
    ) -> None:
        endpoint = await add_endpoint()
        webhooks.answers(answer_of(429, retry_after="2"), OK)
        await happen(1)
        await run(webhooks)
        await happen(2, 3)
        assert (await run(webhooks)).attempts == 0
        clock.move(seconds=2)
        assert (await run(webhooks)).attempts == 1
        assert (await health_row(endpoint.id)).interval_ms == 500
        clock.move(seconds=1)
        assert (await run(webhooks)).attempts == 1

    async def test_a_rate_limit_holds_over_workers(self, webhooks: World, clock: Clock) -> None:
        await add_endpoint(rate_limit=2)
        await happen(*range(12))
        sent = []
        for _ in range(12):
            first, second = await asyncio.gather(run(webhooks), run(webhooks))
            sent.append(first.attempts + second.attempts)
            clock.move(seconds=0.5)
        assert len(webhooks.posts) == sum(sent) <= 12
        # Half a second apart: what comes within a quarter of it is claimed ahead, and waits.
        assert all(each <= 2 for each in sent)
        assert sum(sent[:6]) <= 7

    async def test_every_endpoint_of_many_has_its_turn(self, webhooks: World) -> None:
        for number in range(12):
            await add_endpoint(url=f"http://127.0.0.1:9/{number}")
        await happen(*range(6))
        limits = repository.Limits(
            limit=4, most=2, careful=2, lease=LIMITS.lease, ahead=LIMITS.ahead, window=3
        )
        done = await deliver(has_time=lambda: True, post=webhooks.post, limits=limits)
        assert done.delivered == 72
        first_half = Counter(post.url for post in webhooks.posts[:36])
        assert len(first_half) == 12

    async def test_many_that_cannot_be_sent_now_do_not_keep_a_worker_busy(
        self, webhooks: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(7):
            await add_endpoint(url=f"http://127.0.0.1:9/{number}")
        await happen(1)
        webhooks.answers(answer_of(500))
        limits = repository.Limits(
            limit=4, most=2, careful=2, lease=LIMITS.lease, ahead=LIMITS.ahead, window=2
        )
        await deliver(has_time=lambda: True, post=webhooks.post, limits=limits)
        assert len(webhooks.posts) == 7
        claim, claims = repository.claim, 0

        async def count(*given: object, **named: object) -> object:
            nonlocal claims
            claims += 1
            return await claim(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(repository, "claim", count)
        async with asyncio.timeout(20):
            await deliver(has_time=lambda: True, post=webhooks.post, limits=limits)
        assert claims == 4  # one round, two endpoints a claim


class TestOrder:
    @pytest.mark.parametrize("seed", range(3))
    async def test_it_is_strict_for_each_aggregate_whatever_fails(
        self, webhooks: World, clock: Clock, seed: int
    ) -> None:
        chance = random.Random(seed)  # noqa: S311  # it can be repeated
        urls = [f"http://127.0.0.1:9/{number}" for number in range(2)]
        for url in urls:
            await add_endpoint(url=url, ordered=True)
        under_way: Counter[tuple[str, str]] = Counter()
        delivered: dict[tuple[str, str], list[int]] = {}

        async def answer(post: Post) -> Answer | Unanswered:
            key = (post.url, post.json["data"]["bell"])
            under_way[key] += 1
            assert under_way[key] == 1
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
            under_way[key] -= 1
            if chance.random() < 0.3:
                return chance.choice(FAILURES)
            delivered.setdefault(key, []).append(post.number)
            return OK

        webhooks.answer = answer
        for number in range(24):
            await happen(number, bell=str(number % 3))
        for _ in range(300):
            await asyncio.gather(*(run(webhooks) for _ in range(3)))
            if set(await states()) == {DeliveryState.DELIVERED}:
                break
            clock.move(minutes=chance.choice([1, 5, 30, 600]))
        expected = {str(bell): list(range(bell, 24, 3)) for bell in range(3)}
        assert delivered == {(url, bell): expected[bell] for url in urls for bell in expected}
        assert webhooks.firsts() == delivered

    async def test_without_it_a_failure_holds_nothing_back(
        self, webhooks: World, clock: Clock
    ) -> None:
        await add_endpoint()

        async def answer(post: Post) -> Answer:
            return answer_of(500) if post.number == 1 else OK

        webhooks.answer = answer
        await happen(1, 2, 3)
        await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 2, DeliveryState.PENDING: 1}

    async def test_what_is_given_up_lets_the_next_go(self, webhooks: World, clock: Clock) -> None:
        await add_endpoint(ordered=True)
        await happen(1, 2)
        await execute(
            "UPDATE webhook_deliveries SET attempts = 9 WHERE sequence = ("
            "SELECT min(sequence) FROM webhook_deliveries)"
        )
        webhooks.answers(answer_of(500), OK)
        await run(webhooks)
        assert [post.number for post in webhooks.posts] == [1, 2]
        assert await states() == {DeliveryState.FAILED: 1, DeliveryState.DELIVERED: 1}


class TestWorkers:
    async def test_many_at_once_send_each_message_once(self, webhooks: World) -> None:
        for number in range(5):
            await add_endpoint(url=f"http://127.0.0.1:9/{number}")
        await happen(*range(40))
        reports = await asyncio.gather(*(run(webhooks) for _ in range(4)))
        assert sum(each.attempts for each in reports) == 200
        sent = Counter((post.url, post.id) for post in webhooks.posts)
        assert len(sent) == 200
        assert set(sent.values()) == {1}

    async def test_what_a_dead_worker_had_comes_again_by_the_same_id(
        self, webhooks: World, clock: Clock
    ) -> None:
        await add_endpoint()
        await happen(1)

        taken = asyncio.Event()

        async def hang(_: Post) -> Answer:
            taken.set()
            await asyncio.Event().wait()
            return OK

        webhooks.answer = hang
        dying = asyncio.create_task(run(webhooks))
        await taken.wait()
        dying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dying
        webhooks.answers(OK)
        assert (await run(webhooks)).attempts == 0  # it is leased still
        clock.move(seconds=91)
        assert (await run(webhooks)).delivered == 1
        first, second = webhooks.posts
        assert (first.id, first.body) == (second.id, second.body)

    async def test_what_kills_worker_after_worker_is_given_up(
        self, webhooks: World, clock: Clock
    ) -> None:
        await add_endpoint()
        await happen(1)
        await execute("UPDATE webhook_deliveries SET claims = 20")
        done = await run(webhooks)
        assert (webhooks.posts, done.given_up) == ([], 1)
        (attempt,) = await attempts()
        assert attempt.failure == "worker_died"
        assert await states() == {DeliveryState.FAILED: 1}

    async def test_what_a_late_worker_says_does_not_undo_what_the_next_did(
        self, webhooks: World, clock: Clock
    ) -> None:
        await add_endpoint()
        await happen(1)
        taken, go = asyncio.Event(), asyncio.Event()

        async def slow(_: Post) -> Answer:
            taken.set()
            await go.wait()
            return answer_of(500)

        webhooks.answer = slow
        late = asyncio.create_task(run(webhooks))
        await taken.wait()
        clock.move(seconds=91)
        webhooks.answers(OK)
        assert (await run(webhooks)).delivered == 1
        go.set()
        await late
        assert await states() == {DeliveryState.DELIVERED: 1}
        assert len(await attempts()) == 2

    async def test_with_no_time_left_nothing_is_claimed_and_another_is_called(
        self, webhooks: World, nudges: list[tuple[str, int]]
    ) -> None:
        await add_endpoint()
        await happen(*range(100))
        nudges.clear()
        left = iter([True])
        await deliver(has_time=lambda: next(left, False), post=webhooks.post)
        assert 0 < len(webhooks.posts) < 100
        assert (await states())[DeliveryState.DELIVERED] == len(webhooks.posts)
        assert nudges in ([("webhook-delivery", 0)], [("webhook-delivery", 1)])

    async def test_what_was_posted_is_kept_where_nothing_more_can_be_claimed(
        self, webhooks: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add_endpoint()
        await happen(1, 2)
        claim, claims = repository.claim, 0

        async def fail_second(*given: object, **named: object) -> object:
            nonlocal claims
            claims += 1
            if claims > 1:
                raise ServiceUnavailableError("gone")
            return await claim(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(repository, "claim", fail_second)
        with pytest.raises(ServiceUnavailableError):
            await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 2}

    async def test_what_came_of_it_is_kept_at_the_second_try(
        self, webhooks: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add_endpoint()
        await happen(1)
        settle, tries = repository.settle, 0

        async def fail_first(*given: object, **named: object) -> object:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise ServiceUnavailableError("deadlock")
            return await settle(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(repository, "settle", fail_first)
        await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 1}
        assert len(webhooks.posts) == 1

    async def test_one_that_fails_here_leaves_the_others(
        self, webhooks: World, log: Log, clock: Clock
    ) -> None:
        await add_endpoint()
        await happen(1, 2)

        async def answer(post: Post) -> Answer:
            if post.number == 1:
                raise LookupError(post.body)
            return OK

        webhooks.answer = answer
        await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 1, DeliveryState.PENDING: 1}
        assert any(line["message"] == "a webhook failed here" for line in log())

    async def test_an_endpoint_that_is_deleted_meanwhile_stops_nothing(
        self, webhooks: World
    ) -> None:
        gone = await add_endpoint(url="http://127.0.0.1:9/gone")
        await add_endpoint(url="http://127.0.0.1:9/stays")
        await happen(1)

        async def answer(_: Post) -> Answer:
            await execute("DELETE FROM webhook_endpoints WHERE id = :id", id=gone.id)
            return OK

        webhooks.answer = answer
        await run(webhooks)
        assert await states() == {DeliveryState.DELIVERED: 1}

    async def test_nothing_is_sent_to_an_endpoint_that_is_disabled_meanwhile(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        await happen(1)

        async def answer(_: Post) -> Answer:
            async with unit_of_work() as session:
                await api.change_endpoint(
                    session,
                    endpoint.id,
                    owner=INSTALLATION,
                    change=EndpointChange(enabled=False),
                )
            return answer_of(500)

        webhooks.answer = answer
        await run(webhooks)
        assert await states() == {DeliveryState.DROPPED: 1}
        clock.move(days=1)
        assert (await run(webhooks)).attempts == 0


class TestNextDue:
    async def test_it_is_the_earliest_that_can_be_made(self, webhooks: World, clock: Clock) -> None:
        async def due() -> float | None:
            async with autocommit() as session:
                found = await repository.next_due(session, at=clock.time)
            return (found - clock.time).total_seconds() if found else None

        assert await due() is None
        first = await add_endpoint(ordered=True)
        await happen(1, 2)
        assert await due() == 0
        in_a_minute = {"at": clock.time + timedelta(seconds=60)}
        await execute(
            "UPDATE webhook_deliveries SET due_at = CAST(:at AS timestamptz) WHERE sequence = ("
            "SELECT min(sequence) FROM webhook_deliveries)",
            **in_a_minute,
        )
        assert await due() == 60  # the second waits for the first
        await execute(
            "UPDATE webhook_health SET open_until = CAST(:at AS timestamptz)"
            " + interval '30 seconds'",
            **in_a_minute,
        )
        assert await due() == 90
        async with unit_of_work() as session:
            await api.remove_endpoint(session, first.id, owner=INSTALLATION)
        assert await due() is None
