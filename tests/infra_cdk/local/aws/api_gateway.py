"""API Gateway's control plane in this process, by a clock that the test moves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client

from infra_cdk.local.aws.application import Application
from infra_cdk.local.aws.client import ADMISSION_PATH
from infra_cdk.local.environment import ACCOUNT, REGION
from infra_cdk.local.gateway.keys import Verdict

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
VALUE = "sy_test_" + "a" * 36
SCOPE = f"local/20250101/{REGION}/apigateway/aws4_request"
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=x"}


@dataclass
class Plane:
    """What a client of API Gateway sees. `clock` is what it takes for the time."""

    application: Application
    clock: list[datetime]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        client = Client(self.application)
        sent = b"" if body is None else json.dumps(body).encode()
        answer = client.open(path, method=method, data=sent, headers=SIGNED)
        return answer.status_code, json.loads(answer.get_data() or "{}")

    def made(self, path: str, body: Any) -> dict[str, Any]:
        status, answer = self.ask("POST", path, body)
        assert status == 201, answer
        return answer

    def make_key(
        self, plan: str | None = "free", *, value: str = VALUE, enabled: bool = True
    ) -> str:
        """Make a key, on a plan of this machine, and return its id."""
        key = {"name": "switchyard-local-key-k1", "value": value, "enabled": enabled}
        key_id: str = self.made("/apikeys", key)["id"]
        if plan:
            self.put_on(plan, key_id=key_id)
        return key_id

    def put_on(self, plan: str, *, key_id: str) -> None:
        self.made(f"{self.plan(plan)}/keys", {"keyId": key_id, "keyType": "API_KEY"})

    def plan(self, name: str) -> str:
        """The path of a plan of this machine."""
        _, answer = self.ask("GET", "/usageplans")
        (id_,) = [p["id"] for p in answer["item"] if p["name"] == f"switchyard-local-{name}"]
        return f"/usageplans/{id_}"

    def admit(self, value: str = VALUE) -> Verdict:
        _, answer = self.ask("POST", ADMISSION_PATH, {"key": value})
        return Verdict(**answer)

    async def admitted(self, value: str) -> Verdict:
        """The same for the gateway."""
        return self.admit(value)


@contextmanager
def plane_of(place: Path | None = None) -> Iterator[Plane]:
    """An API Gateway that has just been started on a state, or on none."""
    apigateway_backends[ACCOUNT][REGION].reset()
    clock = [NOON]
    aws = DomainDispatcherApplication(create_backend_app)
    application = Application(aws, place=place, now=lambda: clock[0])
    try:
        yield Plane(application, clock)
    finally:
        application.close()
