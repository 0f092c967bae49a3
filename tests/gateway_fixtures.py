"""API Gateway's keys and plans as the cloud on this machine has them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra_cdk.local.environment import API_ID, STAGE
from shared.adapters import aws, gateway_keys
from shared.config.gateway import gateway_settings
from shared.manifest.plans import PLANS, plan_named

_NUMBERS = count(1)

PERMISSIONS = (
    ("GET", "/apikeys"),
    ("POST", "/apikeys"),
    ("PATCH", "/apikeys/*"),
    ("DELETE", "/apikeys/*"),
    ("GET", "/usageplans"),
    ("GET", "/usageplans/*/keys"),
    ("POST", "/usageplans/*/keys"),
    ("DELETE", "/usageplans/*/keys/*"),
    ("GET", "/usageplans/*/usage"),
)
"""What the role of a function with `Need.GATEWAY_KEYS` allows: methods, and paths of the control plane."""


@dataclass
class ApiGateway:
    """The control plane, seen past the adapter; `pauses` are the waits that the adapter wanted."""

    prefix: str
    client: Any
    url: str
    plans: dict[str, str] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)

    def make_plan(self, name: str) -> str:
        """Make a plan, as the stack does, and return its id."""
        declared = plan_named(name)
        made: str = self.client.create_usage_plan(
            name=self.prefix + name,
            apiStages=[{"apiId": API_ID, "stage": STAGE}],
            throttle={"rateLimit": declared.rate_per_s, "burstLimit": declared.burst},
            quota={"limit": declared.quota, "period": declared.period.value},
        )["id"]
        self.plans[name] = made
        return made

    def make_key(self, name: str, *, value: str, enabled: bool = True) -> str:
        """Make a key on no plan, and return its id."""
        full = f"{self.prefix}key-{name}"
        made = self.client.create_api_key(name=full, value=value, enabled=enabled)
        return str(made["id"])

    def put_on(self, plan: str, *, key_id: str) -> None:
        plan_id = self.plans[plan]
        self.client.create_usage_plan_key(usagePlanId=plan_id, keyId=key_id, keyType="API_KEY")

    def all_keys(self) -> list[dict[str, Any]]:
        """The keys of this deployment, with their values."""
        found = self.client.get_api_keys(includeValues=True, nameQuery=self.prefix)
        keys: list[dict[str, Any]] = found["items"]
        return keys

    def plans_of(self, key_id: str) -> list[str]:
        """The names of the plans that a key is on, without the prefix."""
        found = self.client.get_usage_plans(keyId=key_id)["items"]
        return [plan["name"].removeprefix(self.prefix) for plan in found]


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    *errors: Exception,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Have the next calls of an operation fail, one by each error; `after` each of them something is done."""
    left = list(errors)

    async def call(send: Callable[..., Any], **arguments: Any) -> Any:
        if send.__name__ == operation and left:
            error = left.pop(0)
            after()
            raise error
        return await aws.call(send, **arguments)

    monkeypatch.setattr(gateway_keys, "call", call)


def error_of(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "AnyOperation")


def point_at(url: str, *, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the application ask for keys at an address."""
    monkeypatch.setenv("GATEWAY_PREFIX", prefix)
    for name, value in _environment(url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(gateway_keys, "aws_client", lambda _: _client_at(url))


@cache
def _client_at(url: str) -> Any:
    """Return a client as the application makes it, once: that takes longer than most tests."""
    from shared.adapters.aws import aws_client

    return aws_client.__wrapped__("apigateway")


def _environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_API_GATEWAY": url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def gateway_url(aws_url: str) -> Iterator[str]:
    """Where the control plane answers."""
    yield aws_url
    _client_at(aws_url).close()


@pytest.fixture
def gateway_prefix() -> Iterator[str]:
    """A deployment of the test's own, in one account with all others."""
    gateway_settings.cache_clear()
    gateway_keys.forget_plans()
    yield f"switchyard-test{next(_NUMBERS)}-"
    gateway_settings.cache_clear()
    gateway_keys.forget_plans()


@pytest.fixture
def api_gateway(
    gateway_url: str, gateway_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> ApiGateway:
    """API Gateway with every plan and no key; the adapter's waits are noted and not waited."""
    point_at(gateway_url, prefix=gateway_prefix, monkeypatch=monkeypatch)
    gateway = ApiGateway(prefix=gateway_prefix, client=_client_at(gateway_url), url=gateway_url)
    for plan in PLANS:
        gateway.make_plan(plan.name)

    async def note(seconds: float) -> None:
        gateway.pauses.append(seconds)

    monkeypatch.setattr(gateway_keys, "pause", note)
    return gateway


@pytest.fixture
def no_api_gateway(gateway_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where API Gateway should be, nothing listens."""
    point_at("http://127.0.0.1:1", prefix=gateway_prefix, monkeypatch=monkeypatch)
