"""Providers come from the context; their secrets stay in Secrets Manager, each readable by its ARN."""

import json
from typing import Any

import pytest

from tests.infra_cdk.templates import Template, deployed

HANDLER = "functions.api.federation.handler.handler"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:openid/acme-AbCdEf"
ACME: dict[str, Any] = {
    "id": "acme",
    "name": "Acme",
    "issuer": "https://accounts.example.com",
    "client_id": "switchyard",
    "secret_id": ARN,
}


def built(declared: object) -> Any:
    import infra_cdk.app  # noqa: F401  # tells jsii where Node is
    from infra_cdk.constructs.openid_providers import OpenIdProviders

    return OpenIdProviders(declared)


def variable(template: Template) -> str:
    found = deployed(template)[HANDLER]["Properties"]["Environment"]["Variables"]
    text: str = found["OPENID_PROVIDERS"]
    return text


def test_without_the_context_there_are_none_and_nothing_can_be_read(template: Template) -> None:
    assert variable(template) == "[]"
    assert built(None).statements() == []


def test_the_function_is_told_of_them(production: Template) -> None:
    (told,) = json.loads(variable(production))
    assert (told["id"], told["secret_id"]) == ("acme", ARN)


def test_it_stands_outside_the_network(production: Template) -> None:
    assert "VpcConfig" not in deployed(production)[HANDLER]["Properties"]


@pytest.mark.parametrize("declared", [[ACME], json.dumps([ACME])])
def test_it_may_read_their_secrets_and_no_others(declared: object) -> None:
    (statement,) = built(declared).statements()
    assert statement.to_json() == {
        "Action": "secretsmanager:GetSecretValue",
        "Effect": "Allow",
        "Resource": ARN,
    }


@pytest.mark.parametrize(
    "declared",
    [
        [ACME | {"secret_id": "openid/acme"}],
        [ACME | {"secret_id": ARN[:-10] + "*"}],
        [ACME | {"issuer": "http://127.0.0.1:1"}],
        [ACME | {"client_secret": "in the template"}],
        [ACME | {"name": "x" * 65}],
        [ACME | {"id": f"acme-{n}", "issuer": f"https://{n}.example.com"} for n in range(30)],
        "{",
        7,
    ],
)
def test_others_are_refused_at_synthesis(declared: object) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        built(declared)
    assert "in the template" not in str(refused.value)
