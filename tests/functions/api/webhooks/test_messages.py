"""A message whole is its owner's, and every message an operator's."""

from uuid import uuid4

import pytest

from functions.api.webhooks.handler import app
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.service.delivering import deliver
from tests.delivery_fixtures import World, ring
from tests.web_fixtures import client_of
from tests.webhook_fixtures import Caller, happened

pytestmark = pytest.mark.anyio


class TestGet:
    async def test_its_owner_gets_it_whole(self, user: Caller) -> None:
        event = await happened(user.id)
        answer = await user.get("messages", str(event.id))
        assert answer.status_code == 200
        told = answer.json()
        assert told["id"] == str(event.id)
        assert (told["type"], told["data"]) == ("item.created", {"name": "Lantern"})
        assert told["timestamp"] == event.occurred_at.isoformat().replace("+00:00", "Z")

    async def test_a_partner_gets_theirs(self, partner: Caller) -> None:
        event = await happened(partner.id)
        assert (await partner.get("messages", str(event.id))).status_code == 200

    async def test_an_operator_gets_anybodys(self, operator: Caller, user: Caller) -> None:
        for owner_id in (user.id, None):
            event = await happened(owner_id)
            assert (await operator.get("messages", str(event.id))).status_code == 200

    async def test_anybody_elses_is_404(self, stranger: Caller, user: Caller) -> None:
        for owner_id in (user.id, None):
            event = await happened(owner_id)
            answer = await stranger.get("messages", str(event.id))
            assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found")

    async def test_one_that_is_not_there_is_404(self, user: Caller) -> None:
        answer = await user.get("messages", str(uuid4()))
        assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found")


class TestThin:
    """What is too large to be sent: the address in its place."""

    async def test_its_address_gives_the_whole_to_its_owner_and_to_nobody_else(
        self, user: Caller, stranger: Caller, operator: Caller
    ) -> None:
        mine = await user.create(url="https://mine.example.com/", event_types=["*"])
        theirs = await operator.create(url="https://theirs.example.com/", event_types=["*"])
        note = "x" * 30_000
        (event_id,) = await ring(1, owner_id=user.id, note=note)
        await webhooks.fan_out([event_id])
        world = World()
        await deliver(has_time=lambda: True, post=world.post)
        thin = {post.url: post.json["data"] for post in world.posts}
        assert len(thin) == 2
        for endpoint, owner, other in ((mine, user, stranger), (theirs, operator, user)):
            assert set(thin[endpoint["url"]]) == {"owner_id", "url"}
            place = thin[endpoint["url"]]["url"].removeprefix("https://api.example.com")
            assert place.startswith(owner.place)
            told = (await owner.client.get(place)).json()
            assert (told["id"], told["type"]) == (str(event_id), "bell.rang")
            assert told["data"]["note"] == note
            refusal = await other.client.get(place)
            assert refusal.status_code == (404 if other is stranger else 403)
            async with client_of(app) as nobody:
                assert (await nobody.get(place)).status_code == 401
