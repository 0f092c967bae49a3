"""The job compares both sides, ends what requests had to leave, and fails where the gateway cannot be read."""

import json

import pytest
from sqlalchemy import func, select

from functions.schedules.reconcile_gateway_keys.handler import handler
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.gateway_keys import GatewayKeysError
from shared.adapters.outbox.models import PublicEventRow
from shared.domains.identity.models import User
from shared.domains.partners import api as partners
from shared.domains.partners.models import PartnerRow
from shared.domains.webhooks.models import AttemptRow, DeliveryRow, EndpointRow
from shared.worker.loop import run
from tests.authorization import things
from tests.lambda_context import LambdaContext
from tests.partner_fixtures import (
    DOWN,
    OPERATOR,
    THROTTLED,
    FakeGateway,
    Held,
    new_key,
    new_partner,
)
from tests.webhook_fixtures import sent

EVENT = json.loads((ROOT / "events/schedule/reconcile-gateway-keys/scheduled.json").read_text())

pytestmark = pytest.mark.usefixtures("migrated_database_url", "signing_secret")


async def numbers() -> tuple[int, int]:
    """How many partners and users there are."""
    async with unit_of_work() as session:
        found = [await session.scalar(select(func.count(t.id))) for t in (PartnerRow, User)]
    return found[0] or 0, found[1] or 0


def test_a_removal_that_the_gateway_delayed_is_finished(gateway: FakeGateway) -> None:
    partner = run(new_partner())
    run(new_key(partner))
    gateway.fail("remove_key", THROTTLED)
    run(partners.remove_partner(partner.id, manager=OPERATOR))
    assert run(numbers()) == (1, 1)
    report = handler(EVENT, LambdaContext(remaining_s=300))["report"]
    assert report["healed"] == {"ended": 1}
    assert report["steps_of_removals"]["complete"] is True
    assert (run(numbers()), gateway.keys) == ((0, 0), {})


def test_a_removed_partners_webhooks_go_before_its_account(gateway: FakeGateway) -> None:
    async def arrange() -> None:
        partner, other = await new_partner(), await new_partner("Bell Works")
        for each in (partner, other):
            key = (await new_key(each)).key
            holder = await partners.authenticate(key, address="192.0.2.1")
            await sent(await things.endpoint(holder.account_id), holder.account_id)
        await partners.remove_partner(partner.id, manager=OPERATOR)

    async def left() -> list[int]:
        tables = (EndpointRow.id, DeliveryRow.id, AttemptRow.id, PublicEventRow.sequence)
        async with unit_of_work() as session:
            return [await session.scalar(select(func.count(each))) or 0 for each in tables]

    run(arrange())
    assert run(left()) == [2, 2, 2, 2]
    handler(EVENT, LambdaContext(remaining_s=300))
    assert (run(left()), run(numbers())) == ([1, 1, 1, 1], (1, 1))


def test_without_time_all_waits_for_the_next_turn(gateway: FakeGateway) -> None:
    gateway.keys["nobodys"] = Held("x", "v", "free")
    report = handler(EVENT, LambdaContext(remaining_s=5))["report"]
    assert (report["found"], report["healed"], report["complete"]) == ({"unknown": 1}, {}, False)
    assert report["steps_of_removals"]["complete"] is False
    assert len(gateway.keys) == 1


def test_a_gateway_that_cannot_be_read_fails_the_run_and_the_next_try_succeeds(
    gateway: FakeGateway,
) -> None:
    gateway.fail("list_keys", DOWN)
    with pytest.raises(GatewayKeysError):
        handler(EVENT, LambdaContext(remaining_s=300))
    assert handler(EVENT, LambdaContext(remaining_s=300))["report"]["complete"] is True
