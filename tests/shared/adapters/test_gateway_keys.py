"""Keys are made, moved, found and removed at API Gateway, however far an attempt before had come."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from botocore.exceptions import ClientError, ParamValidationError

from infra_cdk.local.aws.client import AwsClient
from shared.adapters import aws, gateway_keys
from shared.adapters.gateway_keys import (
    DayOfUse,
    GatewayKey,
    GatewayKeysError,
    GatewayKeyTakenError,
    GatewayPlanMissingError,
    GatewayThrottledError,
)
from tests.gateway_fixtures import PERMISSIONS, ApiGateway, error_of, refuse

pytestmark = pytest.mark.anyio

Send = Callable[..., Any]


def value_of(gateway: ApiGateway, name: str = "") -> str:
    """A value that no other test has: values are unique in the account."""
    return f"{gateway.prefix}{name}".ljust(40, "v")


def allows(method: str, pattern: str, asked: tuple[str, str]) -> bool:
    """Tell whether a permission is for a request, a star standing for one part of a path."""
    parts, wanted = asked[1].split("/"), pattern.split("/")
    fit = all(w in ("*", p) for w, p in zip(wanted, parts, strict=False))
    return method == asked[0] and len(parts) == len(wanted) and fit


class TestPutKey:
    async def test_a_key_is_made_and_on_its_plan(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        made = await gateway_keys.put_key("k1", value=value, plan="free")
        (key,) = api_gateway.all_keys()
        assert (key["id"], key["name"]) == (made, f"{api_gateway.prefix}key-k1")
        assert (key["value"], key["enabled"]) == (value, True)
        assert api_gateway.plans_of(made) == ["free"]

    async def test_once_more_changes_nothing(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        ids = {await gateway_keys.put_key("k1", value=value, plan="free") for _ in range(2)}
        assert len(ids) == len(api_gateway.all_keys()) == 1

    async def test_one_that_came_on_no_plan_is_put_there(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        there = api_gateway.make_key("k1", value=value)
        assert await gateway_keys.put_key("k1", value=value, plan="pro") == there
        assert api_gateway.plans_of(there) == ["pro"]

    async def test_a_failure_between_key_and_plan_is_mended_by_another_call(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        value = value_of(api_gateway)
        refuse(monkeypatch, "create_usage_plan_key", error_of("ServiceUnavailableException"))
        with pytest.raises(GatewayKeysError):
            await gateway_keys.put_key("k1", value=value, plan="pro")
        (half,) = api_gateway.all_keys()
        assert api_gateway.plans_of(half["id"]) == []
        assert await gateway_keys.put_key("k1", value=value, plan="pro") == half["id"]
        assert api_gateway.plans_of(half["id"]) == ["pro"]

    async def test_one_on_another_plan_moves(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        made = await gateway_keys.put_key("k1", value=value, plan="free")
        assert await gateway_keys.put_key("k1", value=value, plan="pro") == made
        assert api_gateway.plans_of(made) == ["pro"]

    async def test_a_plan_that_is_not_this_deployments_keeps_it(
        self, api_gateway: ApiGateway
    ) -> None:
        value = value_of(api_gateway)
        there = api_gateway.make_key("k1", value=value)
        foreign = api_gateway.client.create_usage_plan(name=f"other-{api_gateway.prefix}")["id"]
        api_gateway.client.create_usage_plan_key(
            usagePlanId=foreign, keyId=there, keyType="API_KEY"
        )
        await gateway_keys.put_key("k1", value=value, plan="pro")
        assert sorted(api_gateway.plans_of(there)) == [f"other-{api_gateway.prefix}", "pro"]

    async def test_one_that_is_off_is_switched_on(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        api_gateway.make_key("k1", value=value, enabled=False)
        await gateway_keys.put_key("k1", value=value, plan="free")
        assert [key["enabled"] for key in api_gateway.all_keys()] == [True]

    async def test_one_of_another_value_is_replaced(self, api_gateway: ApiGateway) -> None:
        old = api_gateway.make_key("k1", value=value_of(api_gateway, "old"))
        value = value_of(api_gateway, "new")
        assert await gateway_keys.put_key("k1", value=value, plan="free") != old
        assert [key["value"] for key in api_gateway.all_keys()] == [value]

    async def test_a_longer_name_is_another_key(self, api_gateway: ApiGateway) -> None:
        longer = api_gateway.make_key("k12", value=value_of(api_gateway, "longer"))
        assert await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free") != longer
        assert len(api_gateway.all_keys()) == 2

    async def test_whoever_comes_second_at_one_time_finds_the_key(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        value = value_of(api_gateway)
        conflict = error_of("ConflictException")

        def meanwhile() -> None:
            api_gateway.make_key("k1", value=value)

        refuse(monkeypatch, "create_api_key", conflict, after=meanwhile)
        made = await gateway_keys.put_key("k1", value=value, plan="free")
        assert [key["id"] for key in api_gateway.all_keys()] == [made]

    async def test_whoever_comes_second_on_the_plan_is_content(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        value = value_of(api_gateway)
        there = api_gateway.make_key("k1", value=value)

        def meanwhile() -> None:
            api_gateway.put_on("free", key_id=there)

        conflict = error_of("ConflictException")
        refuse(monkeypatch, "create_usage_plan_key", conflict, after=meanwhile)
        assert await gateway_keys.put_key("k1", value=value, plan="free") == there

    async def test_a_conflict_without_the_plan_is_told(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, "create_usage_plan_key", error_of("ConflictException"))
        with pytest.raises(GatewayKeysError) as caught:
            await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        assert caught.value.reason == "ConflictException"

    async def test_the_value_of_another_key_is_refused(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        await gateway_keys.put_key("k1", value=value, plan="free")
        with pytest.raises(GatewayKeyTakenError) as caught:
            await gateway_keys.put_key("k2", value=value, plan="free")
        assert value not in str(caught.value)
        assert len(api_gateway.all_keys()) == 1

    async def test_a_plan_that_is_missing_is_told_before_a_key_is_made(
        self, api_gateway: ApiGateway
    ) -> None:
        with pytest.raises(GatewayPlanMissingError, match="gold"):
            await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="gold")
        assert api_gateway.all_keys() == []

    async def test_plans_are_looked_up_once(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await gateway_keys.put_key("k1", value=value_of(api_gateway, "1"), plan="free")
        asked: list[str] = []

        async def call(send: Send, **arguments: Any) -> Any:
            asked.append(send.__name__ + (":all" if "keyId" not in arguments else ""))
            return await aws.call(send, **arguments)

        monkeypatch.setattr(gateway_keys, "call", call)
        await gateway_keys.put_key("k2", value=value_of(api_gateway, "2"), plan="pro")
        assert "get_usage_plans:all" not in asked

    async def test_a_plan_that_was_made_anew_is_found_by_the_next_call(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        value = value_of(api_gateway)
        await gateway_keys.put_key("k0", value=value_of(api_gateway, "0"), plan="free")
        api_gateway.client.delete_usage_plan(usagePlanId=api_gateway.plans["free"])
        api_gateway.make_plan("free")
        refuse(monkeypatch, "create_usage_plan_key", error_of("NotFoundException"))
        with pytest.raises(GatewayKeysError):
            await gateway_keys.put_key("k1", value=value, plan="free")
        made = await gateway_keys.put_key("k1", value=value, plan="free")
        assert api_gateway.plans_of(made) == ["free"]


class TestRemoveKey:
    async def test_it_is_gone_from_everywhere(self, api_gateway: ApiGateway) -> None:
        made = await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        await gateway_keys.remove_key("k1")
        assert api_gateway.all_keys() == []
        plan_id = api_gateway.plans["free"]
        left = api_gateway.client.get_usage_plan_keys(usagePlanId=plan_id)["items"]
        assert made not in [key["id"] for key in left]

    async def test_one_that_is_not_there_is_none_the_less_gone(
        self, api_gateway: ApiGateway
    ) -> None:
        await gateway_keys.remove_key("k1")

    async def test_one_of_a_longer_name_stays(self, api_gateway: ApiGateway) -> None:
        api_gateway.make_key("k12", value=value_of(api_gateway))
        await gateway_keys.remove_key("k1")
        assert len(api_gateway.all_keys()) == 1

    @pytest.mark.parametrize("operation", ["delete_usage_plan_key", "delete_api_key"])
    async def test_whoever_comes_second_at_one_time_is_content(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch, operation: str
    ) -> None:
        await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        refuse(monkeypatch, operation, error_of("NotFoundException"))
        await gateway_keys.remove_key("k1")

    async def test_a_failure_half_way_is_told_and_mended_by_another_call(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        refuse(monkeypatch, "delete_api_key", error_of("InternalFailure"))
        with pytest.raises(GatewayKeysError):
            await gateway_keys.remove_key("k1")
        await gateway_keys.remove_key("k1")
        assert api_gateway.all_keys() == []


class TestListKeys:
    async def test_each_is_told_with_its_plan(self, api_gateway: ApiGateway) -> None:
        on = await gateway_keys.put_key("on", value=value_of(api_gateway, "on"), plan="pro")
        off = api_gateway.make_key("off", value=value_of(api_gateway, "off"), enabled=False)
        assert sorted(await gateway_keys.list_keys(), key=lambda key: key.name) == [
            GatewayKey(id=off, name="off", enabled=False, plan=None),
            GatewayKey(id=on, name="on", enabled=True, plan="pro"),
        ]

    async def test_those_of_other_deployments_are_not(self, api_gateway: ApiGateway) -> None:
        name = f"other-{api_gateway.prefix}key-k1"
        api_gateway.client.create_api_key(name=name, value=value_of(api_gateway))
        assert await gateway_keys.list_keys() == ()

    async def test_every_page_is_read(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a", "b", "c"):
            await gateway_keys.put_key(name, value=value_of(api_gateway, name), plan="pro")

        async def call(send: Send, **arguments: Any) -> Any:
            at = int(arguments.pop("position", "0"))
            answer = await aws.call(send, **arguments)
            rest = answer["items"][at + 1 :]
            more = {"position": str(at + 1)} if rest else {}
            return {"items": answer["items"][at : at + 1], **more}

        monkeypatch.setattr(gateway_keys, "call", call)
        keys = await gateway_keys.list_keys()
        assert sorted((key.name, key.plan) for key in keys) == [
            ("a", "pro"),
            ("b", "pro"),
            ("c", "pro"),
        ]


class TestUsageOf:
    SINCE, UNTIL = date(2026, 11, 26), date(2026, 11, 27)

    async def test_what_passed_the_gateway_is_told(self, api_gateway: ApiGateway) -> None:
        value = value_of(api_gateway)
        made = await gateway_keys.put_key("k1", value=value, plan="free")
        today = datetime.now(UTC).date()
        async with ClientSession() as client:
            for _ in range(3):
                await AwsClient(client, url=api_gateway.url).admit(value)
        # The tests may run at midnight.
        since, until = today - timedelta(days=1), today + timedelta(days=1)
        days = await gateway_keys.usage_of(made, plan="free", since=since, until=until)
        assert [each.day for each in days] == [since, today, until]
        assert sum(each.used for each in days) == 3
        assert days[0] == DayOfUse(day=since, used=0, remaining=1000)
        assert 997 in {each.remaining for each in days}

    async def test_of_a_key_that_is_not_on_the_plan_there_is_none(
        self, api_gateway: ApiGateway
    ) -> None:
        made = await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        used = await gateway_keys.usage_of(made, plan="pro", since=self.SINCE, until=self.UNTIL)
        assert used == ()

    async def test_a_plan_that_is_missing_is_told(self, api_gateway: ApiGateway) -> None:
        with pytest.raises(GatewayPlanMissingError):
            await gateway_keys.usage_of("id", plan="gold", since=self.SINCE, until=self.UNTIL)

    async def test_each_day_is_told(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[dict[str, Any]] = []

        async def call(send: Send, **arguments: Any) -> Any:
            if send.__name__ != "get_usage":
                return await aws.call(send, **arguments)
            asked.append(arguments)
            return {"items": {"id1": [[10, 990], [0, 1000]]}}

        monkeypatch.setattr(gateway_keys, "call", call)
        used = await gateway_keys.usage_of("id1", plan="free", since=self.SINCE, until=self.UNTIL)
        assert used == (
            DayOfUse(day=self.SINCE, used=10, remaining=990),
            DayOfUse(day=self.UNTIL, used=0, remaining=1000),
        )
        assert asked == [
            {
                "usagePlanId": api_gateway.plans["free"],
                "keyId": "id1",
                "startDate": "2026-11-26",
                "endDate": "2026-11-27",
            }
        ]


class TestPermissions:
    async def test_the_role_allows_what_is_asked_for_and_nothing_else(
        self, api_gateway: ApiGateway
    ) -> None:
        asked: set[tuple[str, str]] = set()

        def note(request: Any, **_: Any) -> None:
            asked.add((request.method, urlsplit(request.url).path))

        api_gateway.make_key("k1", value=value_of(api_gateway), enabled=False)
        api_gateway.client.meta.events.register("before-send.apigateway", note, "note")
        made = await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="pro")
        await gateway_keys.put_key("k2", value=value_of(api_gateway, "2"), plan="pro")
        await gateway_keys.list_keys()
        today = datetime.now(UTC).date()
        await gateway_keys.usage_of(made, plan="pro", since=today, until=today)
        await gateway_keys.remove_key("k1")
        api_gateway.client.meta.events.unregister("before-send.apigateway", unique_id="note")

        allowing = {
            each: [(method, path) for method, path in PERMISSIONS if allows(method, path, each)]
            for each in asked
        }
        assert [each for each, permissions in allowing.items() if not permissions] == []
        assert {one for permissions in allowing.values() for one in permissions} == set(PERMISSIONS)


class TestFailures:
    TOO_OFTEN = ("TooManyRequestsException", "LimitExceededException", "ThrottlingException")

    @pytest.mark.parametrize("code", TOO_OFTEN)
    async def test_asked_too_often_it_asks_again(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        refuse(monkeypatch, "create_api_key", error_of(code), error_of(code))
        await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        first, second = api_gateway.pauses
        assert 0.2 <= first <= 0.4 <= second <= 0.8

    @pytest.mark.parametrize("code", TOO_OFTEN)
    async def test_after_some_attempts_it_gives_up(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        refuse(monkeypatch, "create_api_key", *[error_of(code)] * 5)
        with pytest.raises(GatewayThrottledError) as caught:
            await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "5")
        assert len(api_gateway.pauses) == 4
        assert sum(api_gateway.pauses) < 10

    async def test_another_failure_is_told_at_once(
        self, api_gateway: ApiGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse(monkeypatch, "create_api_key", error_of("UnauthorizedException"))
        with pytest.raises(GatewayKeysError) as caught:
            await gateway_keys.put_key("k1", value=value_of(api_gateway), plan="free")
        assert caught.value.reason == "UnauthorizedException"
        assert api_gateway.pauses == []

    async def test_no_answer_is_told(self, no_api_gateway: None) -> None:
        with pytest.raises(GatewayKeysError) as caught:
            await gateway_keys.list_keys()
        assert caught.value.reason == "EndpointConnectionError"

    @pytest.mark.parametrize("kind", ["library", "service"])
    async def test_the_value_is_in_no_error_and_no_log(
        self,
        api_gateway: ApiGateway,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        kind: str,
    ) -> None:
        value = value_of(api_gateway)
        errors = {
            "library": ParamValidationError(report=f"Invalid value: {value}"),
            "service": ClientError(
                {"Error": {"Code": "BadRequestException", "Message": f"not {value}"}},
                "CreateApiKey",
            ),
        }
        refuse(monkeypatch, "create_api_key", errors[kind])
        with pytest.raises(GatewayKeysError) as caught:
            await gateway_keys.put_key("k1", value=value, plan="free")
        assert value not in str(caught.value)
        assert caught.value.__context__ is None
        written = capsys.readouterr()
        assert value not in written.out + written.err
