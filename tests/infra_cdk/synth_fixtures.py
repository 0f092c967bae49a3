"""The synthesised templates, made once for each session: `pytest_plugins` of tests/conftest.py."""

import fcntl
import json
from pathlib import Path

import pytest

from tests.infra_cdk.templates import Template

_PROVIDER = {
    "id": "acme",
    "name": "Acme",
    "issuer": "https://accounts.example.com",
    "client_id": "switchyard",
    "secret_id": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:openid/acme-AbCdEf",
}


@pytest.fixture(scope="session")
def cloud_assemblies(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of what is synthesised, which xdist's workers share."""
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "cdk.out"


@pytest.fixture(scope="session")
def staging_template(cloud_assemblies: Path) -> Path:
    """The file of the template of staging."""
    return _synthesised(cloud_assemblies, environment="staging")


@pytest.fixture(scope="session")
def template(staging_template: Path) -> Template:
    """The template of staging, without bundles, checked by cdk-nag."""
    return _read(staging_template)


@pytest.fixture(scope="session")
def production_template(cloud_assemblies: Path) -> Path:
    """The file of the template of production, for a web application on another host."""
    context = {
        "cors_origins": "https://app.example.com,https://admin.example.com",
        "trusted_hosts": "api.example.com",
        "mail_from": "Switchyard <post@mail.example.com>",
        "openid_providers": json.dumps([_PROVIDER]),
    }
    return _synthesised(cloud_assemblies, environment="production", **context)


@pytest.fixture(scope="session")
def production(production_template: Path) -> Template:
    """The template of production, likewise."""
    return _read(production_template)


def _read(written: Path) -> Template:
    parsed: Template = json.loads(written.read_text())
    return parsed


def _synthesised(parent: Path, *, environment: str, **context: str) -> Path:
    written = parent / environment / f"switchyard-{environment}.template.json"
    parent.mkdir(exist_ok=True)
    with (parent / f"{environment}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not written.exists():
            from infra_cdk.app import build_app

            build_app(
                outdir=written.parent,
                context={"bundles": "none", "environment": environment, **context},
            ).synth()
    return written
