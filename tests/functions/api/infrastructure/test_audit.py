"""Who did what to what, when and why."""

from uuid import uuid4

import pytest

from tests.functions.api.infrastructure.conftest import Caller, Die

pytestmark = pytest.mark.anyio

AUDIT = "/v2/infrastructure/audit"
DISCARD = "/v2/infrastructure/queues/lanterns/discard"
DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


async def discard(operator: Caller, *ids: str, reason: str = "Sold meanwhile.") -> None:
    answer = await operator.client.post(DISCARD, json={"ids": ids, "reason": reason})
    assert answer.status_code == 200, answer.text


class TestList:
    async def test_an_entry_says_who_did_what_to_what_when_and_why(
        self, operator: Caller, die: Die
    ) -> None:
        letter = await die()
        await discard(operator, letter, reason="Sold meanwhile; nothing is left.")
        answer = await operator.client.get(AUDIT, params={"limit": 1})
        (entry,) = answer.json()["items"]
        assert entry["actor_id"] == str(operator.id)
        assert (entry["action"], entry["subject"]) == (
            "dead_letters.discarded",
            f"dead_letter:{letter}",
        )
        assert entry["reason"] == "Sold meanwhile; nothing is left."
        assert entry["details"]["queue"] == "lanterns"
        assert entry["correlation_id"]
        assert entry["created_at"]

    async def test_who_made_the_operator_is_nobody_of_the_service(self, operator: Caller) -> None:
        (entry,) = (await operator.client.get(AUDIT)).json()["items"]
        assert (entry["action"], entry["actor_id"]) == ("identity.role_changed", None)
        assert entry["subject"] == f"user:{operator.id}"
        assert entry["details"]["to"] == "operator"

    async def test_pages_hold_each_entry_once_newest_first(
        self, operator: Caller, die: Die
    ) -> None:
        letters = [await die() for _ in range(5)]
        for letter in letters:
            await discard(operator, letter)
        subjects, cursor = [], None
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await operator.client.get(AUDIT, params=params)).json()
            subjects += [entry["subject"] for entry in page["items"]]
            if not (cursor := page["next_cursor"]):
                break
        assert subjects[:-1] == [f"dead_letter:{letter}" for letter in reversed(letters)]
        assert subjects[-1] == f"user:{operator.id}"

    @DATA_API
    async def test_one_thing_or_one_operator_is_asked_for(self, operator: Caller, die: Die) -> None:
        first, second = await die(), await die()
        await discard(operator, first, second)
        about = await operator.client.get(AUDIT, params={"subject": f"dead_letter:{first}"})
        assert [each["subject"] for each in about.json()["items"]] == [f"dead_letter:{first}"]
        by = await operator.client.get(AUDIT, params={"actor_id": str(operator.id)})
        assert len(by.json()["items"]) == 2
        nobody = await operator.client.get(AUDIT, params={"actor_id": str(uuid4())})
        assert nobody.json() == {"items": [], "next_cursor": None}

    @DATA_API
    async def test_what_makes_no_sense_is_422(self, operator: Caller) -> None:
        for query in ("limit=0", "limit=101", "cursor=x", "actor_id=me", "by=me", "subject=%00"):
            answer = await operator.client.get(f"{AUDIT}?{query}")
            assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), query

    @DATA_API
    async def test_a_cursor_of_another_filter_is_422(self, operator: Caller, die: Die) -> None:
        await discard(operator, await die())
        page = (await operator.client.get(AUDIT, params={"limit": 1})).json()
        params = {"cursor": page["next_cursor"], "actor_id": str(operator.id)}
        assert (await operator.client.get(AUDIT, params=params)).status_code == 422
