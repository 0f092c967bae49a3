"""The events of `events/http/mfa` reach their routes as API Gateway sends them."""

import asyncio
import json
from typing import Any

import pytest

from functions.api.mfa.handler import handler
from infra_cdk.registry import ROOT
from tests.lambda_context import LambdaContext

pytestmark = pytest.mark.anyio

EXPECTED = {
    "list_factors_without_token": (401, "unauthorized"),
    "passkey_options": (200, None),
    "second_factor": (401, "invalid_mfa_token"),
}


async def answer(name: str) -> tuple[int, dict[str, Any]]:
    """What Lambda's handler answers; in a thread, for it runs a loop of its own."""
    event = json.loads((ROOT / "events" / "http" / "mfa" / f"{name}.json").read_text())
    response = await asyncio.to_thread(handler, event, LambdaContext())
    return response["statusCode"], json.loads(response["body"])


@pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)
async def test_each_is_answered(migrated_database_url: str, signing_secret: None) -> None:
    folder = ROOT / "events" / "http" / "mfa"
    assert {path.stem for path in folder.glob("*.json")} == set(EXPECTED)
    for name, expected in EXPECTED.items():
        status, body = await answer(name)
        assert (status, body.get("code")) == expected
