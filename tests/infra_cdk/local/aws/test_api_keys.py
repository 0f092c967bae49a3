"""API Gateway's keys: who may pass, what is counted, and what a restart leaves of it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from werkzeug.test import Client

from infra_cdk.local.aws.client import ADMISSION_PATH, AwsClient, RefusedError
from infra_cdk.local.gateway.keys import NO_KEY, KeysUnknownError, Verdict
from infra_cdk.local.ports import HOST, held_port
from infra_cdk.local.processes import accepts_connections, dying_with_parent, start
from infra_cdk.local.servers import server_environment
from shared.manifest.plans import PLANS
from tests.infra_cdk.local.aws.api_gateway import NOON, SIGNED, VALUE, Plane, plane_of


@pytest.fixture
def plane() -> Iterator[Plane]:
    with plane_of() as made:
        yield made


def usage(plane: Plane, plan: str = "free", **asked: str) -> tuple[int, dict[str, Any]]:
    days = {"startDate": "2026-11-24", "endDate": "2026-11-25"} | asked
    query = "&".join(f"{name}={text}" for name, text in days.items())
    return plane.ask("GET", f"{plane.plan(plan)}/usage?{query}")


class TestPlans:
    def test_the_declared_ones_are_there_from_the_start(self, plane: Plane) -> None:
        _, answer = plane.ask("GET", "/usageplans")
        assert [(p["name"], p["throttle"], p["quota"]) for p in answer["item"]] == [
            (
                f"switchyard-local-{plan.name}",
                {"rateLimit": plan.rate_per_s, "burstLimit": plan.burst},
                {"limit": plan.quota, "offset": 0, "period": plan.period},
            )
            for plan in PLANS
        ]


class TestAdmission:
    def test_a_key_on_a_plan_passes_at_once(self, plane: Plane) -> None:
        assert plane.admit() == NO_KEY
        key_id = plane.make_key()
        assert plane.admit() == Verdict(key_id=key_id)

    def test_one_that_is_removed_does_not_pass_the_next_time(self, plane: Plane) -> None:
        key_id = plane.make_key()
        plane.admit()
        plane.ask("DELETE", f"/apikeys/{key_id}")
        assert plane.admit() == NO_KEY

    def test_one_that_is_taken_off_its_plan_does_not_pass(self, plane: Plane) -> None:
        key_id = plane.make_key()
        status, _ = plane.ask("DELETE", f"{plane.plan('free')}/keys/{key_id}")
        assert status == 202
        assert plane.admit() == NO_KEY

    def test_one_that_is_switched_off_does_not_pass_until_it_is_on(self, plane: Plane) -> None:
        key_id = plane.make_key(enabled=False)
        assert plane.admit() == NO_KEY
        on = {"op": "replace", "path": "/enabled", "value": "true"}
        plane.ask("PATCH", f"/apikeys/{key_id}", {"patchOperations": [on]})
        assert plane.admit() == Verdict(key_id=key_id)

    def test_one_without_a_plan_does_not_pass(self, plane: Plane) -> None:
        plane.make_key(plan=None)
        assert plane.admit() == NO_KEY

    def test_a_plan_of_another_stage_opens_nothing_here(self, plane: Plane) -> None:
        stages = [{"apiId": "local", "stage": "other"}]
        other = plane.made("/usageplans", {"name": "other", "apiStages": stages})["id"]
        key_id = plane.make_key(plan=None)
        plane.made(f"/usageplans/{other}/keys", {"keyId": key_id, "keyType": "API_KEY"})
        assert plane.admit() == NO_KEY

    def test_the_limits_are_those_of_the_plan(self, plane: Plane) -> None:
        plane.make_key("free")
        assert [plane.admit().refusal for _ in range(6)] == [""] * 5 + ["THROTTLED"]
        plane.clock[0] += timedelta(seconds=0.5)
        assert plane.admit().refusal == ""

    def test_a_changed_plan_holds_at_once(self, plane: Plane) -> None:
        plane.make_key("free")
        changes = [
            {"op": "replace", "path": "/throttle/burstLimit", "value": "1"},
            {"op": "replace", "path": "/quota/limit", "value": "2"},
        ]
        plane.ask("PATCH", plane.plan("free"), {"patchOperations": changes})
        told = []
        for _ in range(3):
            told.append(plane.admit().refusal)
            plane.clock[0] += timedelta(seconds=1)
        assert told == ["", "", "QUOTA_EXCEEDED"]

    def test_a_web_page_may_not_ask(self, plane: Plane) -> None:
        headers = SIGNED | {"Origin": "http://evil.example"}
        answer = Client(plane.application).post(
            ADMISSION_PATH, json={"key": VALUE}, headers=headers
        )
        assert (answer.status_code, answer.data) == (403, b"")


class TestGetUsage:
    def test_each_day_tells_what_was_used_and_what_was_left(self, plane: Plane) -> None:
        key_id = plane.make_key()
        plane.clock[0] = NOON - timedelta(days=1)
        plane.admit()
        plane.clock[0] = NOON
        for _ in range(2):
            plane.admit()
        status, answer = usage(plane, keyId=key_id)
        assert status == 200
        assert answer["values"] == {key_id: [[1, 999], [2, 998]]}
        assert (answer["startDate"], answer["endDate"]) == ("2026-11-24", "2026-11-25")

    def test_without_a_key_it_tells_of_all(self, plane: Plane) -> None:
        ids = {plane.make_key(value=letter * 30) for letter in "ab"}
        _, answer = usage(plane)
        assert set(answer["values"]) == ids

    def test_of_a_key_that_is_not_on_it_it_tells_nothing(self, plane: Plane) -> None:
        key_id = plane.make_key("free")
        assert usage(plane, "pro", keyId=key_id)[1]["values"] == {}

    @pytest.mark.parametrize(
        "asked",
        [
            {"startDate": "2026-11-26"},
            {"startDate": "yesterday"},
            {"endDate": ""},
            {"startDate": "2026-01-01"},
        ],
    )
    def test_days_that_are_none_are_refused(self, plane: Plane, asked: dict[str, str]) -> None:
        status, answer = usage(plane, **asked)
        assert (status, "startDate and endDate" in answer["message"]) == (400, True)

    def test_a_plan_that_is_missing_is_told(self, plane: Plane) -> None:
        path = "/usageplans/none/usage?startDate=2026-11-24&endDate=2026-11-25"
        assert plane.ask("GET", path)[0] == 404


class TestPlacing:
    """moto would do the one, and fail at the other."""

    def test_a_key_is_on_one_plan_of_a_stage_only(self, plane: Plane) -> None:
        key_id = plane.make_key("free")
        for name in ("free", "pro"):
            on = {"keyId": key_id, "keyType": "API_KEY"}
            assert plane.ask("POST", f"{plane.plan(name)}/keys", on)[0] == 409

    def test_one_that_is_not_on_a_plan_cannot_be_taken_off(self, plane: Plane) -> None:
        key_id = plane.make_key("free")
        assert plane.ask("DELETE", f"{plane.plan('pro')}/keys/{key_id}")[0] == 404


class TestRestart:
    def test_keys_plans_and_counts_are_as_before(self, tmp_path: Path) -> None:
        with plane_of(tmp_path) as before:
            key_id = before.make_key("pro")
            off = before.make_key(None, value="b" * 30, enabled=False)
            before.admit()
        with plane_of(tmp_path) as after:
            _, answer = after.ask("GET", "/apikeys?includeValues=true")
            assert [(k["id"], k["value"], k["enabled"]) for k in answer["item"]] == [
                (key_id, VALUE, True),
                (off, "b" * 30, False),
            ]
            assert after.admit() == Verdict(key_id=key_id)
            _, used = usage(after, "pro", keyId=key_id)
            assert used["values"] == {key_id: [[0, 1_000_000], [2, 999_998]]}

    def test_a_removed_key_stays_removed(self, tmp_path: Path) -> None:
        with plane_of(tmp_path) as before:
            before.ask("DELETE", f"/apikeys/{before.make_key()}")
        with plane_of(tmp_path) as after:
            assert after.admit() == NO_KEY

    def test_a_plan_that_is_not_declared_any_more_is_left_out(self, tmp_path: Path) -> None:
        with plane_of(tmp_path) as before:
            stages = [{"apiId": "local", "stage": "local"}]
            old = before.made("/usageplans", {"name": "old", "apiStages": stages})["id"]
            key_id = before.make_key(None)
            before.made(f"/usageplans/{old}/keys", {"keyId": key_id, "keyType": "API_KEY"})
            assert before.admit() == Verdict(key_id=key_id)
        with plane_of(tmp_path) as after:
            assert after.admit() == NO_KEY

    def test_counts_are_forgotten_after_ninety_days(self, tmp_path: Path) -> None:
        with plane_of(tmp_path) as before:
            key_id = before.make_key()
            before.clock[0] = NOON - timedelta(days=91)
            before.admit()
        with plane_of(tmp_path) as after:
            first = (NOON - timedelta(days=91)).date().isoformat()
            _, answer = usage(after, keyId=key_id, startDate=first, endDate=first)
            assert answer["values"] == {key_id: [[0, 1000]]}


@contextmanager
def aws_on(state: Path) -> Iterator[str]:
    """AWS in a process of its own, which is killed in the end."""
    with held_port() as port:
        words = [sys.executable, "-m", "infra_cdk.local.aws", str(port), str(state)]
        log = state.with_name("aws.log")
        environment = server_environment(os.environ)
        child = start("aws", dying_with_parent(words), log=log, environment=environment)
        try:
            child.wait_until(lambda: accepts_connections(port), timeout_s=60)
            yield f"http://{HOST}:{port}"
        finally:
            child.process.kill()
            child.stop()


@pytest.mark.anyio
class TestProcess:
    async def test_what_was_answered_survives_its_sudden_end(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        state.mkdir()
        key = f'{{"name": "switchyard-local-key-k1", "value": "{VALUE}", "enabled": true}}'
        async with ClientSession() as client:
            with aws_on(state) as url:
                aws = AwsClient(client, url=url)
                await aws.send("POST", "/apikeys", service="apigateway", body=key)
            with aws_on(state) as url:
                aws = AwsClient(client, url=url)
                assert await aws.admit(VALUE) == NO_KEY  # it is on no plan
                with pytest.raises(RefusedError, match="API Key already exists"):
                    await aws.send("POST", "/apikeys", service="apigateway", body=key)
        assert VALUE not in (tmp_path / "aws.log").read_text()

    async def test_without_it_nobody_knows(self) -> None:
        async with ClientSession() as client:
            aws = AwsClient(client, url="http://127.0.0.1:1")
            with pytest.raises(KeysUnknownError) as caught:
                await aws.admit(VALUE)
        assert VALUE not in str(caught.value)

    async def test_the_clock_is_the_machines(self, aws_url: str) -> None:
        async with ClientSession() as client:
            aws = AwsClient(client, url=aws_url)
            today = datetime.now(UTC).date().isoformat()
            with pytest.raises(RefusedError, match="Invalid Usage Plan"):
                path = f"/usageplans/none/usage?startDate={today}&endDate={today}"
                await aws.send("GET", path, service="apigateway")
