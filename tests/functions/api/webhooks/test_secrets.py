"""Secrets are replaced while the old ones sign beside the new, and never shown again."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from shared.adapters import vault
from shared.adapters.database.sessions import autocommit
from shared.core.clock import now
from shared.core.webhook_signing import public_key_of
from shared.domains.webhooks.models import SecretRow
from shared.domains.webhooks.schemas import MOST_SECRETS
from tests.webhook_fixtures import Caller

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
HOUR_S = 3600
WEEK_S = 7 * 24 * HOUR_S


async def rotate(caller: Caller, endpoint_id: str, **rotation: Any) -> dict[str, Any]:
    answer = await caller.post(endpoint_id, "rotate-secret", **rotation)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def secrets_of(caller: Caller, endpoint_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await caller.get(endpoint_id, "secrets")).json()["items"]
    return items


def ends_in(secret: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(secret["expires_at"]) - now()


class TestList:
    async def test_what_is_secret_is_not_in_it(self, user: Caller) -> None:
        made = await user.create(schemes=["v1", "v1a"])
        answer = await user.get(made["id"], "secrets")
        assert made["secrets"][0]["secret"] not in answer.text
        assert "whsec_" not in answer.text
        assert "whsk_" not in answer.text
        expected = [
            {name: value for name, value in each.items() if name != "secret"}
            for each in reversed(made["secrets"])
        ]
        assert answer.json() == {"items": expected}

    @DATA_API
    async def test_the_public_key_is_that_of_the_key_that_signs(self, user: Caller) -> None:
        await user.create(schemes=["v1a"])
        async with autocommit() as session:
            row = await session.scalar(select(SecretRow))
        assert row is not None
        private = await vault.unseal(row.sealed, purpose="webhook-secret")
        assert row.public_key == public_key_of(private)


class TestRotate:
    async def test_the_old_one_signs_beside_the_new_one_for_as_long_as_was_asked(
        self, user: Caller
    ) -> None:
        made = await user.create()
        new = await rotate(user, made["id"], overlap_s=HOUR_S)
        assert new["secret"].startswith("whsec_")
        assert new["secret"] != made["secrets"][0]["secret"]
        first, second = await secrets_of(user, made["id"])
        assert (first["id"], first["expires_at"]) == (new["id"], None)
        assert second["id"] == made["secrets"][0]["id"]
        assert timedelta(minutes=59) < ends_in(second) <= timedelta(hours=1)

    async def test_without_an_overlap_the_old_ones_end_at_once(self, user: Caller) -> None:
        made = await user.create()
        await rotate(user, made["id"], overlap_s=HOUR_S)
        new = await rotate(user, made["id"], overlap_s=0)
        assert [each["id"] for each in await secrets_of(user, made["id"])] == [new["id"]]

    async def test_one_that_ends_sooner_is_not_kept_longer(self, user: Caller) -> None:
        made = await user.create()
        await rotate(user, made["id"], overlap_s=60)
        await rotate(user, made["id"], overlap_s=WEEK_S)
        _, middle, oldest = await secrets_of(user, made["id"])
        assert oldest["id"] == made["secrets"][0]["id"]
        assert ends_in(oldest) <= timedelta(minutes=1)
        assert timedelta(days=6) < ends_in(middle) <= timedelta(days=7)

    @DATA_API
    async def test_the_other_scheme_is_left_alone(self, user: Caller) -> None:
        made = await user.create(schemes=["v1", "v1a"])
        new = await rotate(user, made["id"], scheme="v1a", overlap_s=0)
        assert (new["secret"], new["public_key"][:5]) == (None, "whpk_")
        secrets = await secrets_of(user, made["id"])
        assert {each["id"] for each in secrets} == {new["id"], made["secrets"][0]["id"]}
        assert [each["expires_at"] for each in secrets] == [None, None]

    @DATA_API
    async def test_a_scheme_that_it_has_not_is_begun(self, user: Caller) -> None:
        made = await user.create()
        await rotate(user, made["id"], scheme="v1a")
        assert [each["scheme"] for each in await secrets_of(user, made["id"])] == ["v1a", "v1"]

    async def test_an_endpoint_changes_to_the_other_scheme_and_back(self, user: Caller) -> None:
        made = await user.create()
        new = await rotate(user, made["id"], scheme="v1a", all_schemes=True, overlap_s=HOUR_S)
        first, second = await secrets_of(user, made["id"])
        assert (first["id"], first["expires_at"]) == (new["id"], None)
        assert (second["scheme"], second["expires_at"] is None) == ("v1", False)
        assert timedelta(minutes=59) < ends_in(second) <= timedelta(hours=1)
        back = await rotate(user, made["id"], scheme="v1", all_schemes=True, overlap_s=0)
        assert [each["id"] for each in await secrets_of(user, made["id"])] == [back["id"]]

    @DATA_API
    async def test_a_day_is_the_overlap_that_nobody_asked_for(self, user: Caller) -> None:
        made = await user.create()
        await rotate(user, made["id"])
        assert timedelta(hours=23) < ends_in((await secrets_of(user, made["id"]))[1])

    async def test_one_too_many_is_refused_but_to_end_all_is_not(self, user: Caller) -> None:
        made = await user.create()
        for _ in range(MOST_SECRETS - 1):
            await rotate(user, made["id"], overlap_s=HOUR_S)
        refusal = await user.post(made["id"], "rotate-secret", overlap_s=HOUR_S)
        assert (refusal.status_code, refusal.json()["code"]) == (409, "too_many_secrets")
        assert len(await secrets_of(user, made["id"])) == MOST_SECRETS
        new = await rotate(user, made["id"], overlap_s=0)
        assert [each["id"] for each in await secrets_of(user, made["id"])] == [new["id"]]

    async def test_of_many_at_once_no_more_sign_than_may(self, user: Caller) -> None:
        """The sixth is refused, whichever it is: each waits for the one before it."""
        made = await user.create()
        answers = await asyncio.gather(
            *(user.post(made["id"], "rotate-secret", overlap_s=HOUR_S) for _ in range(6))
        )
        statuses = sorted(each.status_code for each in answers)
        assert statuses == [201] * (MOST_SECRETS - 1) + [409] * (7 - MOST_SECRETS)
        secrets = await secrets_of(user, made["id"])
        assert len(secrets) == MOST_SECRETS
        assert sum(each["expires_at"] is None for each in secrets) == 1

    @DATA_API
    @pytest.mark.parametrize(
        "rotation",
        [
            {"overlap_s": -1},
            {"overlap_s": WEEK_S + 1},
            {"scheme": "v2"},
            {"overlap_s": False},
            {"overlap_s": "60"},
        ],
    )
    async def test_what_breaks_the_schema_is_422(
        self, user: Caller, rotation: dict[str, Any]
    ) -> None:
        made = await user.create()
        answer = await user.post(made["id"], "rotate-secret", **rotation)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        assert len(await secrets_of(user, made["id"])) == 1


class TestManyAtOnce:
    async def test_the_last_place_is_given_once(
        self, user: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from shared.domains.webhooks.service import endpoints

        monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 3)
        draft = {"url": "https://hooks.example.com/", "event_types": ["*"]}
        answers = await asyncio.gather(*(user.post(**draft) for _ in range(6)))
        assert sorted(each.status_code for each in answers) == [201] * 3 + [409] * 3
        assert len((await user.get()).json()["items"]) == 3

    @DATA_API
    async def test_the_places_of_one_owner_are_not_anothers(
        self, user: Caller, operator: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from shared.domains.webhooks.service import endpoints

        monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)
        made = [await each.create() for each in (user, operator)]
        assert len({UUID(each["id"]) for each in made}) == 2
