"""What came of attempts is kept: the log, how endpoints do, and what is told of one that is disabled."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import OutboxRow, PublicEventRow
from shared.domains.webhooks import api
from shared.domains.webhooks.schemas import (
    INSTALLATION,
    DeliveryState,
    DisabledReason,
    EndpointChange,
    EndpointState,
    Verification,
)
from shared.domains.webhooks.service.delivering import Delivered, deliver
from tests.delivery_fixtures import (
    OK,
    Clock,
    Post,
    World,
    add_endpoint,
    add_user,
    answer_of,
    attempts,
    deliveries,
    endpoint_row,
    execute,
    happen,
    health_row,
    unanswered,
)

pytestmark = pytest.mark.anyio

FIVE_DAYS = timedelta(days=5)


async def run(world: World) -> Delivered:
    return await deliver(has_time=lambda: True, post=world.post)


async def added(type_: str) -> list[OutboxRow]:
    async with autocommit() as session:
        rows = await session.scalars(select(OutboxRow).where(OutboxRow.type == type_))
        return list(rows)


async def failing_for_days(endpoint_id: UUID, clock: Clock) -> None:
    await execute(
        "UPDATE webhook_health SET failures = 50, failing_since = CAST(:since AS timestamptz)"
        " WHERE endpoint_id = :id",
        since=clock.time - FIVE_DAYS,
        id=endpoint_id,
    )


class TestDisable:
    async def test_five_days_of_failures_disable_and_tell_the_owner_once(
        self, webhooks: World, clock: Clock
    ) -> None:
        ada = await add_user()
        endpoint = await add_endpoint(ada, url="http://127.0.0.1:9/hook?token=secret")
        await happen(*range(12), owner_id=ada)
        await failing_for_days(endpoint.id, clock)
        webhooks.answers(unanswered())
        await asyncio.gather(run(webhooks), run(webhooks))
        row = await endpoint_row(endpoint.id)
        assert (row.state, row.disabled_reason) == (EndpointState.DISABLED, DisabledReason.FAILING)
        assert {each.state for each in await deliveries()} == {DeliveryState.DROPPED}
        (event,) = await added("webhooks.endpoint_disabled")
        assert event.data == {
            "owner_id": str(ada),
            "endpoint_id": str(endpoint.id),
            "url": "http://127.0.0.1:9/hook",
            "reason": "failing",
            "since": (clock.time - FIVE_DAYS).isoformat().replace("+00:00", "Z"),
        }
        (mail,) = await added("mail.mail_requested")
        assert mail.data["template"] == "webhook_disabled"
        assert mail.data["values"]["kind"] == "failing"
        assert "secret" not in str(mail.data) + str(event.data)
        async with autocommit() as session:
            journal = select(PublicEventRow.type).where(PublicEventRow.id == event.id)
            assert await session.scalar(journal) == "endpoint.disabled"

    async def test_gone_does_at_once(self, webhooks: World, clock: Clock) -> None:
        ada = await add_user()
        endpoint = await add_endpoint(ada)
        await happen(1, owner_id=ada)
        webhooks.answers(answer_of(410))
        await run(webhooks)
        row = await endpoint_row(endpoint.id)
        assert (row.state, row.disabled_reason) == (EndpointState.DISABLED, DisabledReason.GONE)
        assert len(await added("mail.mail_requested")) == 1

    async def test_the_installations_tells_by_an_event_only(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        other = await add_endpoint(url="http://127.0.0.1:9/other", event_types=("endpoint.*",))
        await happen(1)
        webhooks.answers(answer_of(410))
        await run(webhooks)
        (event,) = await added("webhooks.endpoint_disabled")
        assert event.data["owner_id"] is None
        assert await added("mail.mail_requested") == []
        # Its other endpoints are told by a webhook.
        await api.fan_out([event.id])
        pending = [each for each in await deliveries() if each.state is DeliveryState.PENDING]
        assert [(each.endpoint_id, each.event_type) for each in pending] == [
            (other.id, "endpoint.disabled")
        ]
        assert (await endpoint_row(endpoint.id)).state is EndpointState.DISABLED

    async def test_enabled_again_it_begins_anew(self, webhooks: World, clock: Clock) -> None:
        endpoint = await add_endpoint()
        await happen(1)
        await failing_for_days(endpoint.id, clock)
        webhooks.answers(answer_of(500))
        await run(webhooks)
        async with unit_of_work() as session:
            change = EndpointChange(enabled=True)
            await api.change_endpoint(session, endpoint.id, owner=INSTALLATION, change=change)
        await happen(2)
        clock.move(seconds=1)
        await run(webhooks)
        row = await health_row(endpoint.id)
        assert (row.failures, row.failing_since) == (1, clock.time)
        assert (await endpoint_row(endpoint.id)).state is EndpointState.ENABLED


class TestVerification:
    @pytest.mark.parametrize("form", ["{}", " {}\n", '"{}"', '{{"challenge": "{}"}}'])
    async def test_the_challenge_verifies(self, webhooks: World, form: str) -> None:
        async def echo(post: Post) -> object:
            text = form.format(post.json["data"]["challenge"])
            return answer_of(200, body=text.encode())

        webhooks.answer = echo  # type: ignore[assignment]
        endpoint = await add_endpoint(verification=Verification.CHALLENGE)
        await happen(1)
        await run(webhooks)
        row = await endpoint_row(endpoint.id)
        assert (row.state, row.challenge) == (EndpointState.ENABLED, None)
        assert row.verified_at is not None
        assert webhooks.posts[0].json["type"] == "endpoint.verification"
        # Only what happens from then on is sent.
        assert len(webhooks.posts) == 1

    @pytest.mark.parametrize(
        "body",
        [b"", b"thanks", b'{"challenge": "other"}', b"{", b"[1]", b'{"challenge": null}', b"\xff"],
    )
    async def test_any_other_answer_does_not(self, webhooks: World, body: bytes) -> None:
        webhooks.answers(answer_of(200, body=body))
        endpoint = await add_endpoint(verification=Verification.CHALLENGE)
        await run(webhooks)
        row = await endpoint_row(endpoint.id)
        assert (row.state, row.verified_at) == (EndpointState.UNVERIFIED, None)
        (attempt,) = await attempts()
        assert (attempt.status_code, attempt.failure) == (200, "challenge")
        (delivery,) = await deliveries()
        assert delivery.state is DeliveryState.PENDING

    async def test_a_test_event_is_verified_by_any_2xx(self, webhooks: World) -> None:
        webhooks.answers(answer_of(202))
        endpoint = await add_endpoint(
            verification=Verification.TEST_EVENT, event_types=("item.created",)
        )
        await run(webhooks)
        assert (await endpoint_row(endpoint.id)).state is EndpointState.ENABLED
        assert webhooks.posts[0].json["type"] == "item.created"

    async def test_one_that_its_owner_disabled_stays_disabled(self, webhooks: World) -> None:
        webhooks.answers(OK)
        endpoint = await add_endpoint(
            verification=Verification.TEST_EVENT, event_types=("item.created",), enabled=False
        )
        await run(webhooks)
        row = await endpoint_row(endpoint.id)
        assert (row.state, row.disabled_reason) == (EndpointState.DISABLED, DisabledReason.BY_OWNER)
        assert row.verified_at is not None

    async def test_the_answer_to_an_older_question_counts_no_more(self, webhooks: World) -> None:
        endpoint = await add_endpoint(verification=Verification.CHALLENGE)

        async def move_and_echo(post: Post) -> object:
            if len(webhooks.posts) == 1:
                async with unit_of_work() as session:
                    change = EndpointChange(url="http://127.0.0.1:9/moved")
                    await api.change_endpoint(
                        session, endpoint.id, owner=INSTALLATION, change=change
                    )
                return answer_of(200, body=post.json["data"]["challenge"].encode())
            return answer_of(500)

        webhooks.answer = move_and_echo  # type: ignore[assignment]
        await run(webhooks)
        row = await endpoint_row(endpoint.id)
        assert (row.state, row.verified_at) == (EndpointState.UNVERIFIED, None)


class TestTest:
    async def test_a_test_is_tried_once(self, webhooks: World) -> None:
        endpoint = await add_endpoint()
        async with unit_of_work() as session:
            await api.test_endpoint(
                session, endpoint.id, owner=INSTALLATION, event_type="item.created"
            )
        webhooks.answers(answer_of(500))
        await run(webhooks)
        (delivery,) = await deliveries()
        assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 1)
