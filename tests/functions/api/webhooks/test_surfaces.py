"""The same routes on three surfaces, each with webhooks of its own."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from functions.api.webhooks.handler import app, handler
from functions.api.webhooks.v1 import endpoints
from infra_cdk.registry import ROOT
from shared.adapters.database.sessions import autocommit
from shared.core.ids import new_id
from shared.core.scopes import GRANTABLE_SCOPES, KEY_SCOPES
from shared.domains.audit.models import AuditEntry
from shared.domains.identity.schemas import Role
from shared.web.limits import EXTENSION, LimitGroup
from shared.web.openapi import document_of
from tests.lambda_context import LambdaContext
from tests.partner_fixtures import new_key, new_partner
from tests.web_fixtures import client_of
from tests.webhook_fixtures import DRAFT, Caller, Join

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
EVENTS = ROOT / "events" / "http" / "webhooks"
SURFACES = ("webapp", "partner", "infrastructure")


class TestSurfaces:
    @DATA_API
    @pytest.mark.parametrize("version", ["v1", "v2"])
    async def test_each_owner_has_what_they_made_by_any_version(
        self, user: Caller, partner: Caller, operator: Caller, version: str
    ) -> None:
        owners = (user, partner, operator)
        made = [await each.create() for each in owners]
        for place, each in enumerate(owners):
            listed = await each.client.get(each.place.replace("v2", version))
            assert [found["id"] for found in listed.json()["items"]] == [made[place]["id"]]

    @DATA_API
    async def test_on_each_one_endpoints_are_added_listed_changed_and_removed(
        self, user: Caller, partner: Caller, operator: Caller
    ) -> None:
        for owner in (user, partner, operator):
            made = await owner.create(event_types=["item.created"])
            changed = await owner.patch(made["id"], event_types=["post.created", "task.*"])
            assert changed.json()["event_types"] == ["post.created", "task.*"]
            (listed,) = (await owner.get()).json()["items"]
            assert listed == changed.json()
            assert (await owner.delete(made["id"])).status_code == 204
            assert (await owner.get()).json()["items"] == []

    @DATA_API
    async def test_an_operator_has_the_installations_and_nobody_elses(
        self, user: Caller, partner: Caller, operator: Caller, join: Join
    ) -> None:
        theirs = [await each.create() for each in (user, partner)]
        for each in theirs:
            assert (await operator.get(each["id"])).status_code == 404
        made = await operator.create()
        assert (await user.get(made["id"])).status_code == 404
        colleague = await join(Role.OPERATOR)
        assert (await colleague.get(made["id"])).json()["id"] == made["id"]
        as_user = await operator.client.get("/v2/webapp/webhooks")
        assert as_user.json()["items"] == []

    @DATA_API
    async def test_the_trail_names_the_operator(self, operator: Caller) -> None:
        await operator.create()
        async with autocommit() as session:
            wanted = select(AuditEntry).where(AuditEntry.action == "webhooks.endpoint_created")
            (entry,) = await session.scalars(wanted)
        assert entry.actor_id is not None

    @DATA_API
    async def test_all_keys_of_a_partner_have_the_partners(
        self, signing_secret: None, gateway: Any, migrated_database_url: str
    ) -> None:
        partner = await new_partner()
        keys = [(await new_key(partner, "webhooks")).key for _ in range(2)]
        async with client_of(app, **{"x-api-key": keys[0]}) as first:
            made = (await first.post("/v2/partner/webhooks", json=DRAFT)).json()
        async with client_of(app, **{"x-api-key": keys[1]}) as second:
            got = await second.get(f"/v1/partner/webhooks/{made['id']}")
        assert got.json()["id"] == made["id"]

    async def test_every_operation_is_there_on_every_surface_in_every_version(self) -> None:
        paths = document_of(app)["paths"]
        operations = {f"{method} {path}" for path, item in paths.items() for method in item}
        ends = {
            surface: {
                each.replace(f"/{version}/{surface}/", "/")
                for each in operations
                if f"/{version}/{surface}/" in each
            }
            for surface in SURFACES
            for version in ("v1", "v2")
        }
        assert len(operations) == 6 * 16
        assert {len(each) for each in ends.values()} == {16}
        assert ends["webapp"] == ends["partner"] == ends["infrastructure"]

    async def test_each_operation_names_its_limit_group_and_has_an_id_of_its_own(self) -> None:
        paths = document_of(app)["paths"]
        operations = [each for item in paths.values() for each in item.values()]
        assert {each[EXTENSION]["group"] for each in operations} <= set(LimitGroup)
        assert len({each["operationId"] for each in operations}) == len(operations)
        creating = {each["operationId"] for each in operations if "201" in each["responses"]}
        assert "v2_create_partner_webhook" in creating
        assert "v1_rotate_installation_webhook_secret" in creating
        assert len(creating) == 2 * 6


class TestPermissions:
    @DATA_API
    async def test_a_third_party_may_do_nothing_with_a_users(self, join: Join) -> None:
        caller = await join(scopes=GRANTABLE_SCOPES)
        answer = await caller.get()
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")

    @DATA_API
    async def test_a_key_needs_the_scope(
        self, signing_secret: None, gateway: Any, migrated_database_url: str
    ) -> None:
        others = sorted(KEY_SCOPES - {"webhooks"})
        key = (await new_key(await new_partner(), *others)).key
        async with client_of(app, **{"x-api-key": key}) as client:
            answer = await client.post("/v2/partner/webhooks", json=DRAFT)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert answer.headers["WWW-Authenticate"].endswith('scope="webhooks"')

    @DATA_API
    async def test_a_user_is_no_operator(self, user: Caller) -> None:
        answer = await user.client.get("/v2/infrastructure/webhooks")
        assert (answer.status_code, answer.json()["code"]) == (403, "operators_only")

    @pytest.mark.parametrize("surface", SURFACES)
    async def test_without_a_token_or_a_key_nobody_comes_in(
        self, signing_secret: None, surface: str
    ) -> None:
        async with client_of(app) as client:
            for path in ("", "/event-types", f"/{new_id()}/secrets"):
                assert (await client.get(f"/v2/{surface}/webhooks{path}")).status_code == 401

    async def test_routes_that_no_guard_stands_before_serve_nobody(self) -> None:
        bare = FastAPI()
        bare.include_router(endpoints.router, prefix="/webhooks")
        async with client_of(bare) as client:
            with pytest.raises(AttributeError, match="webhook_owner"):
                await client.get("/webhooks/event-types")


class TestEventTypes:
    @DATA_API
    async def test_each_has_a_schema_that_its_example_keeps(self, user: Caller) -> None:
        from jsonschema import Draft202012Validator

        items = (await user.get("event-types")).json()["items"]
        assert {"item.created", "endpoint.disabled"} <= {each["name"] for each in items}
        for each in items:
            Draft202012Validator(each["json_schema"]).validate(each["example"])
            assert each["example"]["type"] == each["name"]


class TestReads:
    @DATA_API
    @pytest.mark.parametrize(
        ("path", "calls"), [("", 1), ("/{id}", 1), ("/{id}/secrets", 2), ("/{id}/attempts", 2)]
    )
    async def test_each_costs_as_few_calls_as_can_be(
        self, user: Caller, data_api_calls: Any, path: str, calls: int
    ) -> None:
        made = await user.create()
        url = user.place + path.format(id=made["id"])
        await user.client.get(url)
        with data_api_calls() as made_calls:
            await user.client.get(url)
        assert made_calls == ["Execute"] * calls


EXPECTED = {
    "create_webhook": (401, "unauthorized"),
    "list_partner_attempts": (401, "invalid_api_key"),
    "list_partner_webhooks_with_wrong_key": (401, "invalid_api_key"),
    "list_webhooks_without_token": (401, "unauthorized"),
    "rotate_installation_secret": (401, "unauthorized"),
}


async def answer_to(name: str, *, token: str = "") -> tuple[int, dict[str, Any]]:
    """What Lambda's handler answers; in a thread, for it runs a loop of its own."""
    text = (EVENTS / f"{name}.json").read_text()
    event = json.loads(text.replace("Bearer TOKEN", token))
    response = await asyncio.to_thread(handler, event, LambdaContext())
    return response["statusCode"], json.loads(response["body"])


class TestEvents:
    """The events of `events/http/webhooks` reach their routes as API Gateway sends them."""

    async def test_without_credentials_each_is_refused(self, signing_secret: None) -> None:
        assert {path.stem for path in EVENTS.glob("*.json")} == set(EXPECTED)
        for name, expected in EXPECTED.items():
            status, problem = await answer_to(name)
            assert (status, problem["code"]) == expected, name

    @DATA_API
    async def test_a_user_makes_an_endpoint(self, user: Caller) -> None:
        token = user.client.headers["Authorization"]
        status, made = await answer_to("create_webhook", token=token)
        assert (status, [each["scheme"] for each in made["secrets"]]) == (201, ["v1", "v1a"])
        assert (await user.get(made["id"])).status_code == 200

    @DATA_API
    async def test_an_operator_reaches_the_installations(self, operator: Caller) -> None:
        token = operator.client.headers["Authorization"]
        status, problem = await answer_to("rotate_installation_secret", token=token)
        assert (status, problem["code"]) == (404, "endpoint_not_found")
