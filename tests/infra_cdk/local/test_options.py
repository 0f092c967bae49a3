"""What the local runner is told, and what it refuses."""

import json
from pathlib import Path

import pytest

from infra_cdk.local.options import read_options
from infra_cdk.local.processes import StartError
from infra_cdk.registry import ROOT


def test_nothing_need_be_set() -> None:
    options = read_options({})
    assert (options.port, options.place) == (8000, ROOT / ".local")
    assert (options.database_url, options.redis_url) == (None, None)


def test_an_empty_variable_counts_as_absent() -> None:
    names = ("PORT", "DATABASE_URL", "REDIS_URL", "SWITCHYARD_STATE", "LOG_LEVEL")
    assert read_options(dict.fromkeys(names, "")) == read_options({})


def test_each_variable_is_heeded() -> None:
    given = {"PORT": "65535", "SWITCHYARD_STATE": "elsewhere", "LOG_LEVEL": "DEBUG"}
    options = read_options(given)
    assert (options.port, options.log_level) == (65535, "DEBUG")
    assert options.place == Path.cwd() / "elsewhere"


ACME = {
    "id": "acme",
    "name": "Acme",
    "issuer": "https://accounts.example.com",
    "client_id": "switchyard",
    "client_secret": "my-password",
}


def test_the_secret_of_a_provider_stands_apart_from_what_functions_are_told() -> None:
    found = read_options({"OPENID_PROVIDERS": json.dumps([ACME])}).openid_providers
    (told,) = json.loads(found.text)
    assert found.secrets == {told["secret_id"]: "my-password"}
    assert "my-password" not in found.text + repr(found)


@pytest.mark.parametrize(
    "declared",
    [
        "{",
        "7",
        "[7]",
        "[{}]",
        [ACME | {"issuer": "http://192.0.2.1"}],
        [ACME, ACME],
        [ACME | {"x": 1}],
    ],
)
def test_a_provider_that_is_none_is_refused_by_name_and_its_secret_not_shown(
    declared: object,
) -> None:
    text = declared if isinstance(declared, str) else json.dumps(declared)
    with pytest.raises(StartError, match="OPENID_PROVIDERS is not understood: ") as refused:
        read_options({"OPENID_PROVIDERS": text})
    assert "my-password" not in str(refused.value)


@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "http", "80.0", " 80", "8_000", "٨٠", "9" * 5000, "80\n"]
)
def test_a_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(StartError, match="PORT must be a number from 1 to 65535"):
        read_options({"PORT": port})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgresql_address_means_psycopg(scheme: str) -> None:
    options = read_options({"DATABASE_URL": f"{scheme}://me:p%40ss@db:5433/app?sslmode=require"})
    assert options.database_url == "postgresql+psycopg://me:p%40ss@db:5433/app?sslmode=require"


@pytest.mark.parametrize("url", ["redis://:secret@cache:6380/1", "rediss://cache"])
def test_a_redis_address_is_kept_as_it_is(url: str) -> None:
    assert read_options({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize(
    "address",
    [
        "my-password",
        "mysql://me:my-password@db/app",
        "postgresql+dataapi:///app?secret_arn=my-password",
        "postgresql://me:my-password@db:port/app",
        "redis://:my-password@cache:70000",
        "redis://:my-password@[cache",
        "postgresql:my-password",
    ],
)
def test_an_address_of_another_kind_is_refused_without_showing_it(name: str, address: str) -> None:
    with pytest.raises(StartError, match=f"^{name} must look like ") as refused:
        read_options({name: address})
    assert "my-password" not in str(refused.value)


def test_the_options_do_not_show_addresses() -> None:
    given = {
        "DATABASE_URL": "postgresql://me:my-password@db",
        "REDIS_URL": "redis://:my-password@c",
    }
    assert "my-password" not in repr(read_options(given))


@pytest.mark.parametrize("level", ["garbage", "debug", "10"])
def test_a_log_level_that_is_none_is_refused_by_name(level: str) -> None:
    with pytest.raises(StartError, match="LOG_LEVEL must be one of DEBUG, INFO"):
        read_options({"LOG_LEVEL": level})
