"""What webhooks leave behind goes when its time is up, and nothing that can be asked for goes before."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from functions.schedules.expire_webhooks.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.core.ids import new_id
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.models import AttemptRow, DeliveryRow, EndpointRow, SecretRow
from shared.domains.webhooks.schemas import (
    INSTALLATION,
    DeliveryState,
    EndpointDraft,
    EndpointState,
    SecretRotation,
)
from shared.worker.loop import run
from tests.lambda_context import LambdaContext
from tests.webhook_fixtures import DAY, attempted, delivered, delivery_of, happened

EVENT = json.loads((ROOT / "events/schedule/expire-webhooks/scheduled.json").read_text())
LONG = 31 * DAY
NOTHING = {
    "dropped": 0,
    "attempts": 0,
    "deliveries": 0,
    "log_of_removed": 0,
    "endpoints": 0,
    "secrets": 0,
    "events": 0,
    "complete": True,
}


@pytest.fixture(autouse=True)
def database(migrated_database_url: str, signing_secret: None) -> None:
    """An empty one."""


async def endpoint(state: EndpointState = EndpointState.ENABLED) -> UUID:
    """Make an endpoint of the installation's."""
    draft = EndpointDraft(url="https://hooks.example.com/in", event_types=("*",))
    async with unit_of_work() as session:
        made = await webhooks.create_endpoint(session, owner=INSTALLATION, draft=draft)
        await session.execute(
            update(EndpointRow).where(EndpointRow.id == made.id).values(state=state)
        )
    return made.id


async def ids_of(column: InstrumentedAttribute[UUID]) -> set[UUID]:
    async with unit_of_work() as session:
        return set(await session.scalars(select(column)))


def report() -> dict[str, object]:
    told: dict[str, object] = handler(EVENT, LambdaContext(remaining_s=300))["report"]
    return told


def test_log_and_journal_of_more_than_thirty_days_go_and_the_rest_stays() -> None:
    async def arrange() -> tuple[DeliveryRow, DeliveryRow, AttemptRow]:
        id_ = await endpoint()
        old, young = now() - LONG, now() - 29 * DAY
        over = await delivered(id_, await happened(None, at=old), at=old)
        await attempted(over, at=old)
        kept = await delivered(id_, await happened(None, at=young), at=young)
        await attempted(kept, at=old)
        attempt = await attempted(kept, at=young)
        await happened(None, at=old)
        return over, kept, attempt

    _, kept, attempt = run(arrange())
    assert report() == NOTHING | {"attempts": 2, "deliveries": 1, "events": 2}
    assert run(ids_of(DeliveryRow.id)) == {kept.id}
    assert run(ids_of(AttemptRow.id)) == {attempt.id}
    assert run(ids_of(PublicEventRow.id)) == {kept.event_id}


def test_an_event_stays_for_as_long_as_it_can_be_sent_again() -> None:
    async def arrange() -> set[UUID]:
        id_, old = await endpoint(), now() - LONG
        waiting = await delivered(
            id_, await happened(None, at=old), state=DeliveryState.PENDING, at=old
        )
        late = await delivered(id_, await happened(None, at=old), at=now() - DAY)
        return {waiting.event_id, late.event_id}

    events = run(arrange())
    assert report() == NOTHING
    assert run(ids_of(PublicEventRow.id)) == events


def test_a_removed_endpoint_goes_after_its_log() -> None:
    async def arrange() -> UUID:
        stays, goes = await endpoint(), await endpoint(EndpointState.REMOVED)
        for _ in range(3):
            await attempted(await delivered(goes, await happened(None)))
        await delivered(goes, await happened(None), state=DeliveryState.PENDING)
        return stays

    stays = run(arrange())
    assert report() == NOTHING | {"log_of_removed": 4, "endpoints": 1}
    assert run(ids_of(EndpointRow.id)) == {stays}
    assert run(ids_of(DeliveryRow.id)) == run(ids_of(AttemptRow.id)) == set()
    assert len(run(ids_of(PublicEventRow.id))) == 4


@pytest.mark.parametrize(
    ("state", "age", "dropped"),
    [
        (EndpointState.DISABLED, timedelta(0), 1),
        (EndpointState.UNVERIFIED, DAY, 0),
        (EndpointState.UNVERIFIED, LONG, 1),
        (EndpointState.ENABLED, LONG, 0),
    ],
)
def test_what_waits_for_an_endpoint_that_is_sent_nothing_is_dropped(
    state: EndpointState, age: timedelta, dropped: int
) -> None:
    async def arrange() -> DeliveryRow:
        return await delivered(
            await endpoint(state),
            await happened(None),
            state=DeliveryState.PENDING,
            at=now() - age,
        )

    waiting = run(arrange())
    assert report() == NOTHING | {"dropped": dropped}
    expected = DeliveryState.DROPPED if dropped else DeliveryState.PENDING
    assert run(delivery_of(waiting.id)).state is expected


@pytest.mark.parametrize(("left", "dropped"), [(DAY, 0), (-DAY, 1)])
def test_what_a_worker_has_is_left_to_it_until_its_claim_ends(
    left: timedelta, dropped: int
) -> None:
    async def arrange() -> None:
        id_, event = await endpoint(EndpointState.DISABLED), await happened(None)
        pending = DeliveryState.PENDING
        await delivered(id_, event, state=pending, claimed=True, at=now() + left)

    run(arrange())
    assert report() == NOTHING | {"dropped": dropped}


def test_secrets_go_a_day_after_they_signed_last() -> None:
    async def arrange() -> None:
        id_ = await endpoint()
        async with unit_of_work() as session:
            for _ in range(3):
                await webhooks.rotate_secret(
                    session, id_, owner=INSTALLATION, rotation=SecretRotation()
                )
            oldest, older, *_ = await session.scalars(select(SecretRow).order_by(SecretRow.id))
            oldest.expires_at, older.expires_at = now() - 25 * DAY / 24, now() - 23 * DAY / 24

    run(arrange())
    assert report() == NOTHING | {"secrets": 1}
    assert len(run(ids_of(SecretRow.id))) == 3


def test_without_time_all_is_left_to_the_next_turn() -> None:
    run(happened(None, at=now() - LONG))
    told = handler(EVENT, LambdaContext(remaining_s=1))["report"]
    assert told == NOTHING | {"complete": False}
    assert len(run(ids_of(PublicEventRow.id))) == 1


def test_more_than_a_chunk_is_done_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    async def arrange() -> None:
        old = now() - LONG
        rows = [
            PublicEventRow(
                id=new_id(), type="item.created", aggregate="item:1", data={}, occurred_at=old
            )
            for _ in range(1001)
        ]
        async with unit_of_work() as session:
            session.add_all(rows)

    run(arrange())
    assert report() == NOTHING | {"events": 1001}
