"""Each event becomes one delivery for every endpoint that wants it, once, and in its order."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select

from shared.adapters import queues
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.domains.webhooks import api
from shared.domains.webhooks.repository import fanout as repository
from shared.domains.webhooks.schemas import INSTALLATION, Cause, EndpointChange
from shared.domains.webhooks.service import catalogue
from shared.domains.webhooks.service.fanout import FannedOut
from tests.delivery_fixtures import (
    Clock,
    World,
    add_endpoint,
    add_user,
    deliveries,
    execute,
    happen,
    ring,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def nudges(webhooks: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []

    async def record(url: str, body: str, *, delay_s: int = 0) -> None:
        sent.append(url.rpartition("/")[2])

    monkeypatch.setattr(queues, "send", record)
    return sent


async def waiting() -> list[PublicEventRow]:
    async with autocommit() as session:
        left = select(PublicEventRow).where(PublicEventRow.fanned_out_at.is_(None))
        return list(await session.scalars(left))


class TestWhoGetsIt:
    async def test_its_owner_and_the_installation_do_and_nobody_else(
        self, webhooks: World, nudges: list[str]
    ) -> None:
        ada, bob = await add_user(), await add_user()
        hers, theirs = await add_endpoint(ada), await add_endpoint()
        await add_endpoint(bob)
        nudges.clear()
        (event_id,) = await happen(1, owner_id=ada)
        made = await deliveries()
        assert {each.endpoint_id for each in made} == {hers.id, theirs.id}
        assert {(each.event_id, each.event_type, each.cause) for each in made} == {
            (event_id, "bell.rang", Cause.EVENT)
        }
        assert nudges == ["outbox-relay", "webhook-delivery"]

    async def test_an_event_of_nobody_is_the_installations(self, webhooks: World) -> None:
        theirs = await add_endpoint()
        await add_endpoint(await add_user())
        await happen(1)
        assert [each.endpoint_id for each in await deliveries()] == [theirs.id]

    async def test_one_that_nobody_wants_is_one_call_and_no_nudge(
        self, webhooks: World, nudges: list[str]
    ) -> None:
        await add_endpoint(event_types=("item.*",))
        ids = await ring(1)
        nudges.clear()
        assert await api.fan_out(ids) == FannedOut(events=1, deliveries=0)
        assert nudges == []
        assert await waiting() == []

    async def test_a_disabled_endpoint_is_passed_over(self, webhooks: World) -> None:
        endpoint = await add_endpoint()
        async with unit_of_work() as session:
            change = EndpointChange(enabled=False)
            await api.change_endpoint(session, endpoint.id, owner=INSTALLATION, change=change)
        await happen(1)
        assert await deliveries() == []

    async def test_patterns_mean_what_the_catalogue_says(self, webhooks: World) -> None:
        names = [each.name for each in catalogue.event_types()]
        patterns = ["*", *names, *(f"{name.split('.')[0]}.*" for name in names)]
        owner = await add_user()
        names.remove(catalogue.VERIFICATION)  # it is never fanned out: see the trial below
        for name in (*names, "item.createdish", "items.created", "item"):
            await execute("DELETE FROM webhook_deliveries")
            await execute("DELETE FROM webhook_endpoints")
            made = {}
            for pattern in dict.fromkeys(patterns):
                await execute(
                    "INSERT INTO webhook_endpoints (id, owner_id, url, event_types, state,"
                    " verification, created_at, updated_at) VALUES (CAST(:id AS uuid),"
                    " CAST(:owner AS uuid), 'x', ARRAY[:pattern], 'enabled', 'none', now(), now())",
                    id=str(id_ := uuid4()),
                    owner=str(owner),
                    pattern=pattern,
                )
                made[id_] = pattern
            (event_id,) = await ring(1, owner_id=owner)
            await execute(
                "UPDATE public_events SET type = :name WHERE fanned_out_at IS NULL", name=name
            )
            await api.fan_out([event_id])
            told = {made[each.endpoint_id] for each in await deliveries()}
            assert told == {each for each in made.values() if catalogue.matches(each, name)}


class TestOnce:
    async def test_again_it_makes_nothing(self, webhooks: World) -> None:
        await add_endpoint()
        ids = await happen(1)
        assert await api.fan_out(ids) == FannedOut()
        assert len(await deliveries()) == 1

    async def test_many_at_once_make_each_once(self, webhooks: World) -> None:
        await add_endpoint()
        ids = await ring(*range(20))
        done = await asyncio.gather(*(api.fan_out([id_]) for id_ in reversed(ids)))
        assert sum(each.deliveries for each in done) == 20
        assert sorted(each.event_id for each in await deliveries()) == sorted(ids)

    async def test_what_is_no_public_event_is_nothing(self, webhooks: World) -> None:
        assert await api.fan_out([uuid4()]) == FannedOut()

    async def test_a_trial_is_nobody_elses(self, webhooks: World) -> None:
        await add_endpoint()
        async with unit_of_work() as session:
            row = PublicEventRow(id=uuid4(), type="item.created", aggregate="endpoint:1", data={})
            row.trial, row.fanned_out_at = True, now()
            session.add(row)
            trial = row.id
        assert await api.fan_out([trial]) == FannedOut()
        assert await api.sweep(has_time=lambda: True) == FannedOut()


class TestOrder:
    async def test_earlier_ones_of_the_aggregate_come_first(self, webhooks: World) -> None:
        await add_endpoint()
        ids = await ring(1, 2, 3)
        others = await ring(9, bell="other")
        assert await api.fan_out([ids[1]]) == FannedOut(events=2, deliveries=2)
        assert [each.event_id for each in await deliveries()] == ids[:2]
        assert [each.id for each in await waiting()] == [ids[2], *others]

    async def test_the_second_waits_for_the_first(self, webhooks: World) -> None:
        await add_endpoint()
        ids = await ring(1, 2)
        async with unit_of_work() as session:
            await repository.fan_out(session, ids[:1], at=now())
            second = asyncio.create_task(api.fan_out(ids[1:]))
            await asyncio.sleep(0.05)
            assert not second.done()
        assert await second == FannedOut(events=1, deliveries=1)
        assert [each.event_id for each in await deliveries()] == ids


class TestSweep:
    async def test_what_the_bus_did_not_bring_is_made(self, webhooks: World, clock: Clock) -> None:
        await add_endpoint()
        await ring(1, 2)
        await ring(3, bell="other")
        clock.move(seconds=25)
        assert await api.sweep(has_time=lambda: True) == FannedOut()
        clock.move(seconds=10)
        assert await api.sweep(has_time=lambda: True) == FannedOut(events=3, deliveries=3)
        assert await waiting() == []

    async def test_without_time_it_does_nothing(self, webhooks: World, clock: Clock) -> None:
        await ring(1)
        clock.move(minutes=1)
        assert await api.sweep(has_time=lambda: False) == FannedOut()
