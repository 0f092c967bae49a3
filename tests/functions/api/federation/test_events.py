"""The events of `events/http/federation` reach their routes as API Gateway sends them."""

import json
from typing import Any

import pytest

from functions.api.federation.handler import handler
from infra_cdk.registry import ROOT
from tests.lambda_context import LambdaContext

FOLDER = ROOT / "events/http/federation"
ANSWERS = {
    "list_providers": (200, {"items": [{"id": "acme", "name": "Acme"}]}),
    "begin_unknown": (404, "no_such_provider"),
    "callback_unknown": (404, "no_such_provider"),
}


def test_each_has_its_answer_here() -> None:
    assert set(ANSWERS) == {path.stem for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("name", ANSWERS)
def test_it_is_answered(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.config.federation import federation_settings

    acme = {
        "id": "acme",
        "name": "Acme",
        "issuer": "https://accounts.example.com",
        "client_id": "switchyard",
    }
    monkeypatch.setenv("OPENID_PROVIDERS", json.dumps([acme]))
    federation_settings.cache_clear()
    answer = handler(json.loads((FOLDER / f"{name}.json").read_text()), LambdaContext())
    federation_settings.cache_clear()
    body: Any = json.loads(answer["body"])
    assert (answer["statusCode"], body.get("code", body)) == ANSWERS[name]
