"""Requests with API keys over HTTP: through the gateway, by the keys that API Gateway has, to a function."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from infra_cdk.local.aws.client import AwsClient
from infra_cdk.local.gateway.keys import Admit, KeysUnknownError, Verdict
from infra_cdk.local.gateway.server import Gateway
from infra_cdk.local.lambda_service.outcome import Outcome
from infra_cdk.registry import Registered
from shared.adapters import gateway_keys
from shared.manifest.function import Function
from shared.manifest.gateway import GATEWAY_RESPONSE_HEADERS
from shared.manifest.triggers import Http
from tests.gateway_fixtures import ApiGateway
from tests.infra_cdk.local.aws.api_gateway import VALUE, Plane, plane_of
from tests.infra_cdk.local.function_fixtures import Code, running

pytestmark = pytest.mark.anyio

TRIGGERS = (
    Http("/keyed/{proxy+}", api_key=True),
    Http("/keyed-too", api_key=True),
    Http("/keyed/open/{proxy+}"),
)
FUNCTIONS = [Registered(spec=Function(name="keyed", triggers=TRIGGERS), package="functions.keyed")]
KEY = {"x-api-key": VALUE}

KEYED = """
import json

def handler(event, context):
    identity = event["requestContext"]["identity"]
    seen = {name: identity.get(name) for name in ("apiKey", "apiKeyId")}
    seen["header"] = event["headers"].get("x-api-key")
    return {"statusCode": 200, "body": json.dumps(seen)}
"""


@dataclass
class Behind:
    """The function: notes its events."""

    events: list[dict[str, Any]] = field(default_factory=list)

    async def invoke(self, name: str, event: bytes) -> Outcome:
        self.events.append(json.loads(event))
        return Outcome(payload=b'{"statusCode": 200, "body": "in"}')

    @property
    def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = self.events[-1]["requestContext"]["identity"]
        return found


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def plane() -> Iterator[Plane]:
    with plane_of() as made:
        yield made


@asynccontextmanager
async def serving(behind: Behind, *, admit: Admit) -> AsyncIterator[ClientSession]:
    gateway = Gateway(FUNCTIONS, behind.invoke, admit=admit)
    await gateway.start("127.0.0.1", 0)
    try:
        async with ClientSession(f"http://127.0.0.1:{gateway.port}") as client:
            yield client
    finally:
        await gateway.stop()


@pytest.fixture
async def client(behind: Behind, plane: Plane) -> AsyncIterator[ClientSession]:
    async with serving(behind, admit=plane.admitted) as made:
        yield made


async def refused(got: ClientResponse) -> tuple[int, str, str]:
    """Status, code and AWS's own name of a refusal, which is whole as a problem document."""
    problem = await got.json(content_type="application/problem+json")
    assert problem["status"] == got.status
    assert problem["request_id"] == got.headers["x-amzn-RequestId"]
    assert GATEWAY_RESPONSE_HEADERS.items() <= got.headers.items()
    return got.status, problem["code"], got.headers["x-amzn-errortype"]


FORBIDDEN = (403, "invalid_api_key", "ForbiddenException")
THROTTLED = (429, "throttled", "TooManyRequestsException")
USED_UP = (429, "quota_exceeded", "LimitExceededException")


class TestKey:
    async def test_a_request_with_one_reaches_the_function(
        self, client: ClientSession, plane: Plane, behind: Behind
    ) -> None:
        key_id = plane.make_key()
        async with client.get("/keyed/x", headers=KEY) as got:
            assert (got.status, await got.text()) == (200, "in")
        assert (behind.identity["apiKey"], behind.identity["apiKeyId"]) == (VALUE, key_id)
        assert behind.events[-1]["headers"]["x-api-key"] == VALUE

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
    async def test_every_method_wants_one(
        self, client: ClientSession, plane: Plane, behind: Behind, method: str
    ) -> None:
        plane.make_key()
        async with client.request(method, "/keyed/x") as got:
            assert got.status == 403
        async with client.request(method, "/keyed/x", headers=KEY) as got:
            assert got.status == 200
        assert len(behind.events) == 1

    async def test_an_exact_path_wants_one_too(self, client: ClientSession, plane: Plane) -> None:
        plane.make_key()
        async with client.get("/keyed-too") as got:
            assert await refused(got) == FORBIDDEN
        async with client.get("/keyed-too", headers=KEY) as got:
            assert got.status == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"x-api-key": ""},
            {"x-api-key": VALUE[:-1]},
            {"x-api-key": VALUE.upper()},
            {"x-api-key": "\xff" * 40},
            {"Authorization": f"Bearer {VALUE}"},
        ],
    )
    async def test_without_a_known_one_it_is_forbidden(
        self, client: ClientSession, plane: Plane, behind: Behind, headers: dict[str, str]
    ) -> None:
        plane.make_key()
        async with client.get("/keyed/x", headers=headers) as got:
            assert await refused(got) == FORBIDDEN
        async with client.get(f"/keyed/x?x-api-key={VALUE}", headers=headers) as got:
            assert await refused(got) == FORBIDDEN
        assert behind.events == []

    async def test_one_that_is_off_or_on_no_plan_is_forbidden(
        self, client: ClientSession, plane: Plane
    ) -> None:
        plane.make_key(enabled=False)
        plane.make_key(None, value="b" * 40)
        for value in (VALUE, "b" * 40):
            async with client.get("/keyed/x", headers={"x-api-key": value}) as got:
                assert await refused(got) == FORBIDDEN

    async def test_one_that_was_revoked_is_refused_at_the_very_next_request(
        self, client: ClientSession, plane: Plane
    ) -> None:
        key_id = plane.make_key()
        async with client.get("/keyed/x", headers=KEY) as got:
            assert got.status == 200
        plane.ask("DELETE", f"/apikeys/{key_id}")
        async with client.get("/keyed/x", headers=KEY) as got:
            assert await refused(got) == FORBIDDEN

    async def test_a_path_that_wants_none_is_open_and_counts_nothing(
        self, client: ClientSession, plane: Plane, behind: Behind
    ) -> None:
        plane.make_key()
        for _ in range(10):
            async with client.get("/keyed/open/x", headers=KEY) as got:
                assert got.status == 200
        assert behind.identity.keys().isdisjoint({"apiKey", "apiKeyId"})
        assert plane.admit().refusal == ""

    async def test_the_key_is_in_no_log(
        self, client: ClientSession, plane: Plane, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = VALUE[::-1]
        with caplog.at_level(logging.DEBUG):
            plane.make_key("free")
            plane.ask("GET", "/apikeys?includeValues=true")
            for value in (VALUE, other):
                async with client.get("/keyed/x", headers={"x-api-key": value}) as got:
                    await got.read()
        assert "/keyed/x 200" in caplog.text
        assert "/keyed/x 403" in caplog.text
        assert VALUE not in caplog.text
        assert other not in caplog.text


class TestLimits:
    async def test_after_the_burst_comes_the_rate(
        self, client: ClientSession, plane: Plane, behind: Behind
    ) -> None:
        plane.make_key("free")
        statuses = []
        for _ in range(7):
            async with client.get("/keyed/x", headers=KEY) as got:
                statuses.append(got.status)
        assert statuses == [200] * 5 + [429] * 2
        plane.clock[0] += timedelta(seconds=1)
        for wanted in (200, 200):
            async with client.get("/keyed/x", headers=KEY) as got:
                assert got.status == wanted
        async with client.get("/keyed/x", headers=KEY) as got:
            assert await refused(got) == THROTTLED
            assert "Retry-After" not in got.headers
        assert len(behind.events) == 7

    async def test_a_used_up_quota_comes_back_with_its_period(
        self, client: ClientSession, plane: Plane
    ) -> None:
        plane.make_key("free")
        for _ in range(1000):
            plane.clock[0] += timedelta(seconds=0.5)
            assert plane.admit().refusal == ""
        plane.clock[0] += timedelta(seconds=0.5)
        async with client.get("/keyed/x", headers=KEY) as got:
            assert await refused(got) == USED_UP
        plane.clock[0] += timedelta(days=1)
        async with client.get("/keyed/x", headers=KEY) as got:
            assert got.status == 200

    async def test_a_key_on_a_larger_plan_goes_on(
        self, client: ClientSession, plane: Plane
    ) -> None:
        plane.make_key("free")
        plane.make_key("pro", value="b" * 40)
        told: dict[str, list[int]] = {}
        for value in (VALUE, "b" * 40):
            for _ in range(50):
                async with client.get("/keyed/x", headers={"x-api-key": value}) as got:
                    told.setdefault(value, []).append(got.status)
        assert (told[VALUE].count(200), told["b" * 40].count(200)) == (5, 50)


class TestDoubt:
    async def test_where_nobody_knows_keys_nobody_passes(self, behind: Behind) -> None:
        async def admit(key: str) -> Verdict:
            raise KeysUnknownError("moto is gone")

        async with (
            serving(behind, admit=admit) as client,
            client.get("/keyed/x", headers=KEY) as got,
        ):
            status, code, _ = await refused(got)
        assert (status, code, behind.events) == (500, "internal_error", [])

    async def test_a_gateway_that_cannot_ask_is_not_made(self, behind: Behind) -> None:
        with pytest.raises(ValueError, match="nobody says whose"):
            Gateway(FUNCTIONS, behind.invoke)


async def test_what_the_adapter_does_holds_at_the_very_next_request(
    api_gateway: ApiGateway, behind: Behind
) -> None:
    """The adapter, the gateway and AWS, each in its place: AWS is a process of its own."""
    value = f"{api_gateway.prefix}whole".ljust(40, "v")
    headers = {"x-api-key": value}
    statuses = []
    async with ClientSession() as session:
        admit = AwsClient(session, url=api_gateway.url).admit
        async with serving(behind, admit=admit) as client:
            for step in (
                gateway_keys.put_key("k1", value=value, plan="pro"),
                gateway_keys.remove_key("k1"),
                gateway_keys.put_key("k1", value=value, plan="pro"),
            ):
                await step
                async with client.get("/keyed/x", headers=headers) as got:
                    statuses.append(got.status)
    assert statuses == [200, 403, 200]


async def test_a_real_function_sees_whose_request_it_is(
    code: Code, bytecode: Path, plane: Plane
) -> None:
    code.write("keyed", KEYED, triggers=(Http("/keyed/{proxy+}", api_key=True),))
    key_id = plane.make_key()
    async with running(code, bytecode=bytecode) as run:
        gateway = Gateway(code.functions, run.service.invoke, admit=plane.admitted)
        await gateway.start("127.0.0.1", 0)
        try:
            url = f"http://127.0.0.1:{gateway.port}/keyed/x"
            async with ClientSession() as client, client.get(url, headers=KEY) as got:
                seen = await got.json(content_type=None)
        finally:
            await gateway.stop()
    assert seen == {"apiKey": VALUE, "apiKeyId": key_id, "header": VALUE}
