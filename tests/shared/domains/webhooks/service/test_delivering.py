"""The worker delivers what is due, each endpoint in its turn, and keeps what came of it."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from standardwebhooks import Webhook

from shared.adapters.outbound import outbound
from shared.core.webhook_signing import Verifier
from shared.domains.webhooks.schemas import DeliveryState, SecretScheme
from shared.domains.webhooks.service.delivering import Delivered, deliver
from tests.delivery_fixtures import (
    World,
    add_endpoint,
    attempts,
    deliveries,
    happen,
    serving,
)

pytestmark = pytest.mark.anyio


async def run(world: World) -> Delivered:
    return await deliver(has_time=lambda: True, post=world.post)


class TestMilestone:
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
