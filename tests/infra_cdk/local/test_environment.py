"""The environment variables of the functions on this machine."""

import dataclasses

import pytest

from infra_cdk.local.environment import DATA_API_URL, HERE_ONLY, Settings, environment_of
from infra_cdk.registry import Registered, registry
from shared.config.webhooks import WebhookSettings
from shared.manifest.environment import variables_of
from shared.manifest.function import Function, Need
from shared.manifest.triggers import Http, Invoke

SETTINGS = Settings(
    port=8123,
    database_url="postgresql+psycopg://db",
    redis_url="redis://cache",
    aws_url="http://127.0.0.1:1",
    data_api_url="http://127.0.0.1:2",
)
# Those who make the gateway's keys have no cache.
EVERYTHING = Function(
    name="everything",
    triggers=(Http("/all"),),
    needs=frozenset(Need) - {Need.GATEWAY_KEYS},
)
KEEPER = Function(name="keeper", triggers=(Http("/all"),), needs=frozenset({Need.GATEWAY_KEYS}))


def test_the_gateways_keys_and_plans_begin_with_the_prefix_of_this_machine() -> None:
    environment = environment_of(KEEPER, settings=SETTINGS)
    assert environment["GATEWAY_PREFIX"] == "switchyard-local-"


@pytest.mark.parametrize("function", registry(), ids=lambda function: function.spec.name)
def test_a_function_gets_what_the_manifest_names_and_where_aws_is(function: Registered) -> None:
    environment = environment_of(function.spec, settings=SETTINGS)
    own = {name for name in environment if not name.startswith("AWS_")}
    assert own == variables_of(function.spec) | set(HERE_ONLY)


def test_every_need_can_be_met() -> None:
    environment = environment_of(EVERYTHING, settings=SETTINGS)
    assert environment["DATABASE_URL"] == "postgresql+psycopg://db"
    assert environment["REDIS_URL"] == "redis://cache"
    assert environment["SIGNING_SECRET_ID"] == "switchyard/local/signing-key"
    assert environment["POWERTOOLS_SERVICE_NAME"] == "everything"
    assert (environment["ENVIRONMENT"], environment["LOG_LEVEL"]) == ("local", "INFO")


def test_a_browser_on_either_name_of_this_machine_may_call() -> None:
    environment = environment_of(EVERYTHING, settings=SETTINGS)
    assert environment["CORS_ORIGINS"] == "http://127.0.0.1:8123,http://localhost:8123"
    assert environment["TRUSTED_HOSTS"] == "127.0.0.1,localhost"


def test_webhooks_may_be_sent_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Function(name="bare", triggers=(Invoke(),))
    for name, value in environment_of(function, settings=SETTINGS).items():
        monkeypatch.setenv(name, value)
    assert WebhookSettings().webhook_allow_loopback


def test_aws_is_never_called_by_accident() -> None:
    function = Function(name="bare", triggers=(Invoke(),))
    environment = environment_of(function, settings=SETTINGS)
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_ENDPOINT_URL_RDS_DATA"] == "http://127.0.0.1:2"
    assert environment["AWS_ACCESS_KEY_ID"] == "local"


def test_a_password_is_seen_by_those_only_who_need_it() -> None:
    settings = dataclasses.replace(SETTINGS, database_url="postgresql+psycopg://me:secret@db")
    function = Function(name="bare", triggers=(Invoke(),))
    assert "secret" not in str(environment_of(function, settings=settings))


def test_the_data_api_address_is_one_that_the_application_reads() -> None:
    from sqlalchemy import make_url

    url = make_url(DATA_API_URL)
    assert (url.drivername, url.database) == ("postgresql+dataapi", "switchyard")
    assert url.query["resource_arn"] == "arn:aws:rds:eu-west-1:000000000000:cluster:local"
    assert str(url.query["secret_arn"]).startswith("arn:aws:secretsmanager:eu-west-1:")
