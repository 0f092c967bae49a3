"""A message whole is its owner's, and every message an operator's."""

from uuid import uuid4

import pytest

from tests.webhook_fixtures import Caller, happened

pytestmark = pytest.mark.anyio


class TestGet:
    async def test_its_owner_gets_it_whole(self, user: Caller) -> None:
        event = await happened(user.id)
        answer = await user.get("messages", str(event.id))
        assert answer.status_code == 200
        told = answer.json()
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
