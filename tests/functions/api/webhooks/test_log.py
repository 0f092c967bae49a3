"""The log shows what was sent, and messages are sent again with their ids."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Uuid, bindparam, func, select, text

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.domains.webhooks.models import DeliveryRow
from shared.domains.webhooks.schemas import AttemptOutcome, Cause, DeliveryState
from shared.domains.webhooks.service import log as service
from tests.webhook_fixtures import (
    DAY,
    HOUR,
    Caller,
    attempted,
    delivered,
    delivery_of,
    happened,
    sent,
)

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
FAILED = AttemptOutcome.FAILED


async def deliveries_of(endpoint_id: str) -> dict[UUID, DeliveryRow]:
    """Return an endpoint's deliveries by the ids of their messages."""
    wanted = select(DeliveryRow).where(DeliveryRow.endpoint_id == UUID(endpoint_id))
    async with autocommit() as session:
        return {each.event_id: each for each in await session.scalars(wanted)}


def is_due_anew(row: DeliveryRow, *, cause: Cause) -> bool:
    return (
        (row.state, row.cause, row.attempts, row.claims, row.claimed, row.finished_at)
        == (DeliveryState.PENDING, cause, 0, 0, False, None)
    ) and row.due_at <= now()


def range_of(since: datetime, until: datetime, *types: str) -> dict[str, Any]:
    times = {"since": since.isoformat(), "until": until.isoformat()}
    return times | {"event_types": types} if types else times


class TestAttempts:
    async def test_pages_go_from_the_newest_to_the_oldest(self, user: Caller) -> None:
        made = await user.create()
        attempts = [
            (await sent(made["id"], user.id, at=now() - number * HOUR))[1] for number in range(3)
        ]
        first = (await user.get(made["id"], "attempts", limit=2)).json()
        second = (
            await user.get(made["id"], "attempts", limit=2, cursor=first["next_cursor"])
        ).json()
        listed = [each["id"] for page in (first, second) for each in page["items"]]
        assert listed == [str(each.id) for each in attempts]
        assert second["next_cursor"] is None

    async def test_each_filter_leaves_what_it_names(self, user: Caller) -> None:
        made = await user.create()
        old = await sent(made["id"], user.id, at=now() - 2 * DAY)
        posted = await delivered(made["id"], await happened(user.id, type_="post.created"))
        other = await attempted(posted, outcome=FAILED)

        async def found(**query: Any) -> list[str]:
            answer = await user.get(made["id"], "attempts", **query)
            return [each["id"] for each in answer.json()["items"]]

        day_ago = (now() - DAY).isoformat()
        both = [str(other.id), str(old[1].id)]
        assert await found() == both
        assert await found(outcome="failed") == both[:1]
        assert await found(outcome="succeeded") == both[1:]
        assert await found(event_type="post.created") == both[:1]
        assert await found(message_id=str(old[0].event_id)) == both[1:]
        assert await found(since=day_ago) == both[:1]
        assert await found(until=day_ago) == both[1:]
        assert await found(since=day_ago, outcome="succeeded") == []

    @DATA_API
    @pytest.mark.parametrize(
        "query",
        [
            {"outcome": "maybe"},
            {"since": "2026-01-01T00:00:00"},
            {"since": "yesterday"},
            {"since": "0.5"},
            {"until": "1767225600"},
            {"message_id": "1"},
            {"until": "0001-01-01T00:00:00+23:59"},
        ],
    )
    async def test_a_filter_that_is_none_is_422(self, user: Caller, query: dict[str, str]) -> None:
        made = await user.create()
        assert (await user.get(made["id"], "attempts", **query)).status_code == 422

    @DATA_API
    async def test_another_endpoints_attempts_are_not_in_it(self, user: Caller) -> None:
        mine, other = await user.create(), await user.create()
        _, attempt = await sent(other["id"], user.id)
        assert (await user.get(mine["id"], "attempts")).json()["items"] == []
        answer = await user.get(mine["id"], "attempts", str(attempt.id))
        assert (answer.status_code, answer.json()["code"]) == (404, "attempt_not_found")

    async def test_one_has_what_was_sent_and_answered_besides(self, user: Caller) -> None:
        made = await user.create()
        delivery, attempt = await sent(made["id"], user.id)
        (listed,) = (await user.get(made["id"], "attempts")).json()["items"]
        shown = (await user.get(made["id"], "attempts", str(attempt.id))).json()
        assert shown == listed | {"request": attempt.request, "response": attempt.response}
        assert listed["message_id"] == str(delivery.event_id)
        assert (listed["outcome"], listed["status_code"], listed["latency_ms"]) == (
            "succeeded",
            204,
            12,
        )

    @DATA_API
    async def test_one_that_is_not_there_is_404(self, user: Caller) -> None:
        made = await user.create()
        answer = await user.get(made["id"], "attempts", str(uuid4()))
        assert (answer.status_code, answer.json()["code"]) == (404, "attempt_not_found")


class TestResend:
    @pytest.mark.parametrize(
        "state", [DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.DROPPED]
    )
    async def test_a_message_of_any_outcome_is_due_anew_with_its_id(
        self, user: Caller, state: DeliveryState, nudges: list[str]
    ) -> None:
        made = await user.create()
        delivery = await delivered(made["id"], await happened(user.id), state=state)
        attempt = await attempted(delivery, outcome=FAILED)
        answer = await user.post(made["id"], "attempts", str(attempt.id), "resend")
        assert (answer.status_code, answer.json()) == (202, {"messages": 1, "continue_from": None})
        again = await delivery_of(delivery.id)
        assert is_due_anew(again, cause=Cause.RESEND)
        assert again.event_id == delivery.event_id
        assert nudges == ["webhook-delivery"]

    async def test_what_waits_for_its_next_attempt_is_due_now(self, user: Caller) -> None:
        made = await user.create()
        delivery = await delivered(
            made["id"], await happened(user.id), state=DeliveryState.PENDING, at=now() + HOUR
        )
        attempt = await attempted(delivery, outcome=FAILED)
        await user.post(made["id"], "attempts", str(attempt.id), "resend")
        assert is_due_anew(await delivery_of(delivery.id), cause=Cause.RESEND)

    async def test_what_is_on_its_way_is_not_sent_twice_at_a_time(self, user: Caller) -> None:
        made = await user.create()
        delivery = await delivered(
            made["id"],
            await happened(user.id),
            state=DeliveryState.PENDING,
            at=now() + HOUR,
            claimed=True,
        )
        attempt = await attempted(delivery, outcome=FAILED)
        answer = await user.post(made["id"], "attempts", str(attempt.id), "resend")
        assert answer.status_code == 202
        after = await delivery_of(delivery.id)
        assert (after.claimed, after.due_at, after.attempts) == (True, delivery.due_at, 3)

    @DATA_API
    async def test_one_that_is_not_there_is_404(self, user: Caller) -> None:
        made = await user.create()
        answer = await user.post(made["id"], "attempts", str(uuid4()), "resend")
        assert (answer.status_code, answer.json()["code"]) == (404, "attempt_not_found")


class TestResendFailed:
    async def test_what_was_given_up_since_then_is_due_anew_and_nothing_else(
        self, user: Caller
    ) -> None:
        made = await user.create()
        states = {
            state: await delivered(made["id"], await happened(user.id), state=state, claimed=False)
            for state in DeliveryState
        }
        long_ago = await delivered(
            made["id"], await happened(user.id), state=DeliveryState.FAILED, at=now() - 2 * DAY
        )
        test = await delivered(
            made["id"], await happened(user.id), state=DeliveryState.FAILED, cause=Cause.TEST
        )
        answer = await user.post(made["id"], "resend-failed", since=(now() - DAY).isoformat())
        assert (answer.status_code, answer.json()) == (202, {"messages": 2, "continue_from": None})
        for state in (DeliveryState.FAILED, DeliveryState.DROPPED):
            assert is_due_anew(await delivery_of(states[state].id), cause=Cause.RESEND)
        delivered_before = await delivery_of(states[DeliveryState.DELIVERED].id)
        assert delivered_before.state is DeliveryState.DELIVERED
        assert (await delivery_of(states[DeliveryState.PENDING].id)).cause is Cause.EVENT
        assert (await delivery_of(long_ago.id)).state is DeliveryState.FAILED
        assert (await delivery_of(test.id)).state is DeliveryState.FAILED

    async def test_more_than_one_request_takes_are_gone_on_with(
        self, user: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "MOST_QUEUED", 2)
        made = await user.create()
        begin = now() - DAY
        times = [begin + number * HOUR for number in range(5)]
        for at in times:
            await delivered(made["id"], await happened(user.id), state=DeliveryState.FAILED, at=at)
        since, counts = begin.isoformat(), []
        while since:
            answer = (await user.post(made["id"], "resend-failed", since=since)).json()
            counts.append(answer["messages"])
            since = answer["continue_from"]
        assert counts == [2, 2, 1]
        rows = (await deliveries_of(made["id"])).values()
        assert all(is_due_anew(each, cause=Cause.RESEND) for each in rows)


class TestReplay:
    async def test_what_happened_in_the_time_is_sent_delivered_or_not(
        self, user: Caller, stranger: Caller, nudges: list[str]
    ) -> None:
        made = await user.create()
        begin, end = now() - 3 * HOUR, now() - HOUR
        before = await happened(user.id, at=begin - timedelta(microseconds=1))
        first = await happened(user.id, at=begin)
        within = await happened(user.id, at=begin + HOUR)
        at_end = await happened(user.id, at=end)
        foreign = await happened(stranger.id, at=begin + HOUR)
        trial = await happened(user.id, at=begin + HOUR, trial=True)
        not_yet = await happened(user.id, at=begin + HOUR, fanned_out=False)
        unasked = await happened(user.id, at=begin + HOUR, type_="post.created")
        known = await delivered(made["id"], within)
        answer = await user.post(made["id"], "replay", **range_of(begin, end))
        assert (answer.status_code, answer.json()) == (202, {"messages": 2, "continue_from": None})
        found = await deliveries_of(made["id"])
        assert set(found) == {first.id, within.id}
        assert found.keys().isdisjoint(
            {each.id for each in (before, at_end, foreign, trial, not_yet, unasked)}
        )
        assert all(is_due_anew(each, cause=Cause.REPLAY) for each in found.values())
        assert found[within.id].id == known.id
        new = found[first.id]
        assert (new.event_type, new.aggregate, new.sequence) == (
            first.type,
            first.aggregate,
            first.sequence,
        )
        assert nudges == ["webhook-delivery"]

    async def test_of_the_types_that_it_asks_for_only_those_that_are_named(
        self, user: Caller
    ) -> None:
        made = await user.create(event_types=["item.*", "post.created"])
        events = {
            type_: await happened(user.id, type_=type_, at=now() - HOUR)
            for type_ in ("item.created", "item.deleted", "post.created", "task.finished")
        }
        whole = range_of(now() - DAY, now(), "item.created", "task.finished", "post.*")
        assert (await user.post(made["id"], "replay", **whole)).json()["messages"] == 2
        wanted = {events[type_].id for type_ in ("item.created", "post.created")}
        assert set(await deliveries_of(made["id"])) == wanted

    async def test_more_than_one_request_takes_are_gone_on_with_and_none_comes_twice(
        self, user: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "MOST_QUEUED", 2)
        made = await user.create()
        begin = now() - DAY
        events = [await happened(user.id, at=begin + number * HOUR) for number in range(4)]
        first = (await user.post(made["id"], "replay", **range_of(begin, now()))).json()
        assert first["messages"] == 2
        assert datetime.fromisoformat(first["continue_from"]) == events[2].occurred_at
        assert set(await deliveries_of(made["id"])) == {each.id for each in events[:2]}
        rest = range_of(datetime.fromisoformat(first["continue_from"]), now())
        second = (await user.post(made["id"], "replay", **rest)).json()
        assert second == {"messages": 2, "continue_from": None}
        assert set(await deliveries_of(made["id"])) == {each.id for each in events}

    async def test_what_is_on_its_way_stays_so(self, user: Caller) -> None:
        made = await user.create()
        event = await happened(user.id, at=now() - HOUR)
        row = await delivered(
            made["id"], event, state=DeliveryState.PENDING, claimed=True, at=now() + HOUR
        )
        await user.post(made["id"], "replay", **range_of(now() - DAY, now()))
        after = await delivery_of(row.id)
        assert (after.claimed, after.cause, after.due_at) == (True, Cause.EVENT, row.due_at)

    @DATA_API
    async def test_the_installations_are_sent_everybodys(
        self, user: Caller, operator: Caller
    ) -> None:
        made = await operator.create()
        events = [await happened(owner, at=now() - HOUR) for owner in (user.id, uuid4(), None)]
        answer = await operator.post(made["id"], "replay", **range_of(now() - DAY, now()))
        assert answer.json()["messages"] == 3
        assert set(await deliveries_of(made["id"])) == {each.id for each in events}

    @DATA_API
    async def test_as_many_as_one_request_takes_are_done_in_its_time(self, user: Caller) -> None:
        """The gateway waits for 29 seconds; this takes a tenth of that."""
        made = await user.create()
        many = text("""
            INSERT INTO public_events (id, owner_id, type, aggregate, data, occurred_at, fanned_out_at)
            SELECT gen_random_uuid(), :owner_id, 'item.created', concat('item:', n), '{}',
                now() - interval '1 hour' + n * interval '1 millisecond', now()
            FROM generate_series(1, 10001) n
        """).bindparams(bindparam("owner_id", user.id, type_=Uuid()))
        async with unit_of_work() as session:
            await session.execute(many)
        began = time.monotonic()
        answer = (await user.post(made["id"], "replay", **range_of(now() - DAY, now()))).json()
        assert time.monotonic() - began < 15
        assert answer["messages"] == 10_000
        again = range_of(datetime.fromisoformat(answer["continue_from"]), now())
        last = (await user.post(made["id"], "replay", **again)).json()
        assert last == {"messages": 1, "continue_from": None}
        assert (await user.get(made["id"], "statistics")).json()["pending"] == 10_001

    @DATA_API
    async def test_however_many_they_are_it_is_one_statement(
        self, user: Caller, data_api_calls: Any
    ) -> None:
        made = await user.create()
        for _ in range(5):
            await happened(user.id, at=now() - HOUR)
        with data_api_calls() as calls:
            await user.post(made["id"], "replay", **range_of(now() - DAY, now()))
        # The session of the caller, and then: begin, the endpoint, the messages, commit.
        assert calls[-4:] == ["BeginTransaction", "Execute", "Execute", "CommitTransaction"]

    @DATA_API
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"until": "2026-01-01T00:00:00Z"}, "empty_range"),
            ({"until": "2025-12-31T00:00:00Z"}, "empty_range"),
            ({"event_types": ["lantern.*"]}, "unknown_event_type"),
            ({"event_types": []}, "too_short"),
            ({"until": "2026-02-01T00:00:00"}, "timezone_aware"),
            ({"since": 0}, "datetime_parsing"),
        ],
    )
    async def test_a_range_that_is_none_is_422(
        self, user: Caller, fields: dict[str, Any], code: str
    ) -> None:
        made = await user.create()
        whole = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
        answer = await user.post(made["id"], "replay", **whole | fields)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


class TestTest:
    async def test_the_example_of_any_type_is_sent_to_it_alone(
        self, user: Caller, nudges: list[str]
    ) -> None:
        made, other = await user.create(event_types=["item.*"]), await user.create()
        answer = await user.post(made["id"], "test", event_type="task.finished")
        assert answer.status_code == 202
        message_id = UUID(answer.json()["message_id"])
        row = (await deliveries_of(made["id"]))[message_id]
        assert (row.cause, row.state, row.event_type) == (
            Cause.TEST,
            DeliveryState.PENDING,
            "task.finished",
        )
        assert await deliveries_of(other["id"]) == {}
        async with autocommit() as session:
            found = select(PublicEventRow).where(PublicEventRow.id == message_id)
            event = await session.scalar(found)
        types = (await user.get("event-types")).json()["items"]
        (example,) = (each["example"] for each in types if each["name"] == "task.finished")
        assert event is not None
        assert (event.data, event.trial, event.owner_id) == (example["data"], True, user.id)
        assert event.sequence == row.sequence
        assert event.fanned_out_at is not None
        assert nudges == ["webhook-delivery"]

    @DATA_API
    async def test_a_type_that_there_is_not_is_refused(self, user: Caller) -> None:
        made = await user.create()
        answer = await user.post(made["id"], "test", event_type="lantern.lit")
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"]) == (422, "unknown_event_type")
        assert error["location"] == ["body", "event_type"]


class TestStatistics:
    async def test_each_hour_is_counted_and_those_without_attempts_are_there(
        self, user: Caller
    ) -> None:
        made, other = await user.create(), await user.create()
        this = now().replace(minute=0, second=0, microsecond=0)
        delivery, _ = await sent(made["id"], user.id, at=this)
        await attempted(delivery, outcome=FAILED, at=this + timedelta(minutes=59, seconds=59))
        await attempted(delivery, outcome=FAILED, at=this - 2 * HOUR)
        await attempted(delivery, at=this - 3 * HOUR)
        await sent(other["id"], user.id, at=this)
        await delivered(made["id"], await happened(user.id), state=DeliveryState.PENDING)
        answer = (await user.get(made["id"], "statistics", hours=3)).json()
        assert answer["pending"] == 1
        hours = [
            (datetime.fromisoformat(each["hour"]), each["succeeded"], each["failed"])
            for each in answer["hours"]
        ]
        assert hours == [(this - 2 * HOUR, 0, 1), (this - HOUR, 0, 0), (this, 1, 1)]

    @DATA_API
    async def test_a_day_is_what_nobody_asked_for(self, user: Caller) -> None:
        made = await user.create()
        assert len((await user.get(made["id"], "statistics")).json()["hours"]) == 24

    @DATA_API
    @pytest.mark.parametrize("hours", [0, 721, "x"])
    async def test_no_time_or_too_long_a_one_is_422(self, user: Caller, hours: Any) -> None:
        made = await user.create()
        assert (await user.get(made["id"], "statistics", hours=hours)).status_code == 422


class TestNotEnabled:
    @DATA_API
    @pytest.mark.parametrize("fields", [{"enabled": False}, {"verification": "challenge"}])
    async def test_nothing_is_sent_to_it_again(self, user: Caller, fields: dict[str, Any]) -> None:
        made = await user.create(**fields)
        delivery, attempt = await sent(made["id"], user.id)
        times = range_of(datetime(2026, 1, 1, tzinfo=UTC), now())
        answers = [
            await user.post(made["id"], "attempts", str(attempt.id), "resend"),
            await user.post(made["id"], "resend-failed", since=times["since"]),
            await user.post(made["id"], "replay", **times),
            await user.post(made["id"], "test", event_type="item.created"),
        ]
        refusals = {(each.status_code, each.json()["code"]) for each in answers}
        assert refusals == {(409, "endpoint_not_enabled")}
        assert (await delivery_of(delivery.id)).state is DeliveryState.DELIVERED
        async with autocommit() as session:
            tests = select(func.count(DeliveryRow.id)).where(DeliveryRow.cause == Cause.TEST)
            assert await session.scalar(tests) == 0
