"""The API keeps what its OpenAPI document says: schemathesis with every check and phase.

`make test` runs a small campaign from a fixed seed; `make fuzz` a long one from a random seed, by
setting FUZZ_S. schemathesis.toml says what a schema cannot.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.core.scopes import KEY_SCOPES
from tests.cloud_fixtures import Cloud, running_cloud
from tests.web_fixtures import PASSWORD

CONFIG = Path(__file__).resolve().parents[2] / "schemathesis.toml"
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
FUZZ_S = os.environ.get("FUZZ_S")
AMOUNT = ["--max-time", FUZZ_S] if FUZZ_S else ["--seed", "1"]

pytestmark = [
    pytest.mark.timeout(1500 + int(FUZZ_S or 0)),
    pytest.mark.xdist_group("schemathesis"),  # one campaign serves all tests
]

BEYOND_SCHEMAS = {
    "client_not_found",
    "grant_not_found",
    "invalid_client",  # a client that proves itself, which is no guesswork
    "invalid_client_metadata",
    "no_client_secret",
    "too_many_clients",
    "dead_letter_not_found",
    "email_taken",
    "event_not_found",
    "expiry_passed",
    "idempotency_in_flight",
    "idempotency_key_reused",
    "invalid_credentials",
    "invalid_cursor",
    "invalid_email_token",
    "invalid_refresh_token",
    "invalid_sign_in",
    "item_changed",
    "item_not_found",
    "link_not_found",
    "no_such_admin",
    "no_such_item",
    "no_such_provider",
    "no_such_upload",
    "partner_key_ended",
    "partner_key_not_found",
    "partner_name_taken",
    "partner_not_found",
    "partner_suspended",
    "post_not_found",
    "queue_not_found",
    "task_finished",
    "task_not_found",
    "too_many_login_attempts",
    "too_many_partner_keys",
    "too_many_tasks",
    "username_taken",
    "weak_password",
    "wrong_password",
    "confirmation_failed",
    "totp_not_found",
    "no_second_factor",
    "passkey_not_found",
    "invalid_mfa_token",
    "invalid_request",
    "passkey_refused",
    "wrong_code",
    "invalid_passkey",
    "value_error",
    "attempt_not_found",
    "empty_range",
    "endpoint_not_enabled",
    "endpoint_not_found",
    "message_not_found",
    "too_many_endpoints",
    "too_many_secrets",
    "unfit_header",
    "unfit_url",
    "unknown_event_type",
}
"""What may be wrong with a request that breaks no schema."""


@dataclass(frozen=True)
class Exchange:
    """A request, by the operation that it is for, and its answer."""

    operation: str
    sensible: bool
    status: int
    media_type: str
    body: bytes
    after: str | None

    @property
    def succeeded(self) -> bool:
        return self.status < 300

    @property
    def code(self) -> str:
        """What is wrong: of a field where the problem as a whole is no more than that."""
        problem = json.loads(self.body)
        if "error" in problem:  # the form of OAuth's own endpoints: RFC 6749, section 5.2
            return str(problem["error"])
        fields = {each["code"] for each in problem["errors"]}
        code: str = problem["code"]
        return fields.pop() if code == "validation_failed" and len(fields) == 1 else code


@dataclass(frozen=True)
class Campaign:
    """A run of schemathesis, and what the cloud logged meanwhile."""

    documented: set[str]
    exit_code: int
    output: str
    exchanges: list[Exchange]
    log: set[str]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    # A cloud of its own: what other tests made there, such as a user of the examples' name, would
    # change what the campaign gets to see.
    folder = tmp_path_factory.mktemp("schemathesis")
    with running_cloud(folder / "state") as cloud:
        return run_campaign(cloud, folder=folder)


def run_campaign(cloud: Cloud, *, folder: Path) -> Campaign:
    report = folder / "report.ndjson"
    program = str(Path(sys.executable).with_name("schemathesis"))
    authorization = f"Authorization: Bearer {token_of_new_user(cloud)}"
    before = set(cloud.log().splitlines())
    done = subprocess.run(
        [
            *(program, "--config-file", str(CONFIG), "run", f"{cloud.url}/openapi.json"),
            # All checks are on as it is: `--checks all` would undo the exceptions in CONFIG.
            *("--header", authorization, "--header", f"x-api-key: {key_of_new_partner(cloud)}"),
            *("--no-color", "--report-ndjson-path", str(report), *AMOUNT),
        ],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Campaign(
        documented=operations_of(cloud),
        exit_code=done.returncode,
        output=done.stdout,
        exchanges=list(exchanges_in(report)),
        log=set(cloud.log().splitlines()) - before,
    )


def operations_of(cloud: Cloud) -> set[str]:
    paths = httpx.get(f"{cloud.url}/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item}


def token_of_new_user(cloud: Cloud) -> str:
    """Return the token of a user whom no other test knows: the campaign changes them."""
    name = f"fuzz-{uuid4().hex[:8]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    with httpx.Client(base_url=f"{cloud.url}/v2/webapp") as client:
        assert client.post("/users", json=user).status_code == 201
        # Without the role the operators' routes would show no more than that they are refused.
        role = {"username": name, "role": "operator"}
        granted = client.post(f"{cloud.url}/_local/functions/operators", json=role)
        assert granted.status_code == 200, granted.text
        form = {"username": name, "password": PASSWORD}
        token: str = client.post("/login", data=form).json()["access_token"]
    return token


def key_of_new_partner(cloud: Cloud) -> str:
    """Return an API key that may do all, on the largest plan: the campaign is in a hurry."""
    form = {"username": "operator", "password": PASSWORD}
    draft = {"name": "Fuzz", "plan": "enterprise", "contact": "fuzz@example.com"}
    wanted = {"name": "fuzz", "scopes": sorted(KEY_SCOPES)}
    with httpx.Client(base_url=f"{cloud.url}/v2", timeout=60) as client:
        token = client.post("/webapp/login", data=form).json()["access_token"]
        operator = {"Authorization": f"Bearer {token}"}
        made = client.post("/infrastructure/partners", json=draft, headers=operator).json()
        place = f"/infrastructure/partners/{made['id']}/keys"
        key: str = client.post(place, json=wanted, headers=operator).json()["key"]
    return key


def exchanges_in(report: Path) -> Iterator[Exchange]:
    """Iterate over what schemathesis sent and got, scenario by scenario."""
    with report.open() as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            cases = recorder.get("cases", {})
            for id_, exchange in recorder.get("interactions", {}).items():
                if exchange["response"]:
                    yield exchange_of(cases[id_], exchange["response"], cases=cases)


def exchange_of(
    case: dict[str, Any], response: dict[str, Any], *, cases: dict[str, Any]
) -> Exchange:
    meta = case["value"]["meta"]
    parts = [meta["generation"], *meta.get("components", {}).values()]
    parent = cases.get(case.get("parent_id", "")) if case["is_transition_applied"] else None
    return Exchange(
        operation=operation_of(case),
        sensible=all(part["mode"] == "positive" for part in parts),
        status=response["status_code"],
        media_type=response["headers"].get("content-type", [""])[0],
        body=base64.b64decode((response["content"] or {}).get("$base64", "")),
        after=operation_of(parent) if parent else None,
    )


def operation_of(case: dict[str, Any]) -> str:
    return f"{case['value']['method']} {case['value']['path']}"


def test_no_check_fails(campaign: Campaign) -> None:
    assert campaign.exit_code == 0, campaign.output


def test_every_operation_was_used_with_success_in_some_version(campaign: Campaign) -> None:
    used = {exchange.operation for exchange in campaign.exchanges if exchange.succeeded}
    missed = {plain(each) for each in campaign.documented} - {plain(each) for each in used}
    assert missed <= NEEDS_MORE


NEEDS_MORE = {
    "POST /oauth/token",  # a client that proves itself, which is no guesswork
    "POST /oauth/revoke",
    "POST /oauth/introspect",
    "DELETE /webapp/oauth/grants/{client_id}",  # a grant, which a person gives on a page
    "POST /webapp/login",  # a password, which is no guesswork
    "POST /webapp/refresh",  # a refresh token, likewise
    "POST /webapp/email-verification",  # the token of a mail, likewise
    "POST /webapp/password-reset/confirmation",
    # An outside provider, and what it answers: none is declared.
    "POST /webapp/external-login/{provider}",
    "GET /webapp/external-login/{provider}/callback",
    "POST /webapp/external-login/handover",
    "POST /webapp/external-login/links/{provider}",
    "POST /webapp/external-login/links",
    "DELETE /webapp/external-login/links/{link_id}",
    # What ends the campaign's own session is not sent: see schemathesis.toml.
    "POST /webapp/logout",
    "DELETE /webapp/sessions",
    "DELETE /webapp/sessions/{session_id}",
    # A dead letter, or an event that was set aside: nothing fails here.
    "GET /infrastructure/queues/{queue}/dead-letters/{dead_letter_id}",
    "POST /infrastructure/queues/{queue}/discard",
    "POST /infrastructure/outbox/discard",
    # Second factors, which are no guesswork.
    "POST /webapp/login/passkey",
    "POST /webapp/login/second-factor",
    "POST /webapp/login/second-factor/passkey-options",
    "POST /webapp/mfa/confirmation",
    "POST /webapp/mfa/passkeys",
    "PATCH /webapp/mfa/passkeys/{passkey_id}",
    "DELETE /webapp/mfa/passkeys/{passkey_id}",
    "POST /webapp/mfa/recovery-codes",
    "DELETE /webapp/mfa/totp",
    "POST /webapp/mfa/totp/confirmation",
    # What ends the campaign's own key is not sent: see schemathesis.toml.
    "PATCH /infrastructure/partners/{partner_id}",
    "DELETE /infrastructure/partners/{partner_id}",
    "POST /infrastructure/partners/{partner_id}/keys/{key_id}/rotate",
    "DELETE /infrastructure/partners/{partner_id}/keys/{key_id}",
    # The campaign's user is an operator, and the admin of no partner.
    "GET /webapp/partners/{partner_id}",
    "GET /webapp/partners/{partner_id}/keys",
    "POST /webapp/partners/{partner_id}/keys",
    "POST /webapp/partners/{partner_id}/keys/{key_id}/rotate",
    "DELETE /webapp/partners/{partner_id}/keys/{key_id}",
    "GET /webapp/partners/{partner_id}/keys/{key_id}/usage",
    # An attempt, which is in the log of an endpoint a while after it was asked for.
    "GET /webapp/webhooks/{endpoint_id}/attempts/{attempt_id}",
    "POST /webapp/webhooks/{endpoint_id}/attempts/{attempt_id}/resend",
    # A message, whose id stands in the log as well.
    "GET /webapp/webhooks/messages/{message_id}",
    "POST /webapp/tasks/{task_id}/cancel",  # a task that is not done yet: these are done at once
}
"""What no request of the campaign can have ready for these operations."""


def plain(operation: str) -> str:
    # The example of a new user can be registered once: the other version answers 409.
    versionless = re.sub(r"/v\d/", "/", operation)
    # They are the same functions on every surface.
    return re.sub(r"/(partner|infrastructure)/webhooks", "/webapp/webhooks", versionless)


def test_what_one_request_made_others_used(campaign: Campaign) -> None:
    chains = {
        (exchange.after, exchange.operation)
        for exchange in campaign.exchanges
        if exchange.succeeded and exchange.after
    }
    assert any(made.startswith("POST") for made, _ in chains)


OAUTHS = {"POST /oauth/token", "POST /oauth/revoke", "POST /oauth/introspect"}


def test_every_error_is_a_problem_document(campaign: Campaign) -> None:
    errors = [exchange for exchange in campaign.exchanges if exchange.status >= 400]
    assert errors
    # OAuth's own endpoints answer in the form that its clients read: RFC 6749, section 5.2.
    oauths = {each.media_type for each in errors if each.operation in OAUTHS}
    assert oauths <= {"application/json", "application/problem+json"}
    others = {each.media_type for each in errors if each.operation not in OAUTHS}
    assert others == {"application/problem+json"}


def test_what_breaks_no_schema_is_refused_for_a_reason_beyond_schemas_only(
    campaign: Campaign,
) -> None:
    refused = {
        (exchange.code, exchange.operation)
        for exchange in campaign.exchanges
        if exchange.sensible and exchange.status >= 400
    }
    assert {each for each in refused if each[0] not in BEYOND_SCHEMAS} == set()


def test_nothing_failed_behind_the_answers(campaign: Campaign) -> None:
    assert campaign.log
    failure = re.compile(r" 5\d\d \d+ ms$|unhandled error|Traceback", re.MULTILINE)
    assert [line for line in campaign.log if failure.search(line)] == []
