"""The synthesised template, made once for each session: `pytest_plugins` of tests/conftest.py."""

import fcntl
import json
from pathlib import Path
from typing import Any

import pytest

type Template = dict[str, Any]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Template:
    """The template of staging, without bundles; xdist's workers share one synthesis."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    written = shared / "cdk.out" / "switchyard-staging.template.json"
    with (shared / "synth.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not written.exists():
            _synthesise(written.parent)
    parsed: Template = json.loads(written.read_text())
    return parsed


def _synthesise(outdir: Path) -> None:
    from infra_cdk.app import build_app

    build_app(outdir=outdir, context={"bundles": "none", "environment": "staging"}).synth()
