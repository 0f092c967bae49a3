"""A function loads some domains' models and not others: each set must do by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "shared").rglob("models.py")
)

# What the first flush of a process does: it follows every foreign key to its table.
_FLUSH_ALONE = """
import importlib, sys
from sqlalchemy.orm import configure_mappers
from shared.adapters.database.base import Base
importlib.import_module(sys.argv[1])
configure_mappers()
for mapper in Base.registry.mappers:
    mapper._sorted_tables
"""


def test_there_are_models_to_judge() -> None:
    assert "shared.domains.sessions.models" in MODELS


@pytest.mark.parametrize("module", MODELS)
def test_the_models_of_one_domain_know_every_table_that_they_refer_to(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FLUSH_ALONE, module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-400:]
