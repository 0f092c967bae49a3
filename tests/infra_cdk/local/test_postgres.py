"""The embedded PostgreSQL makes its data directory, and never somebody's files away."""

from pathlib import Path

import pytest

from infra_cdk.local.postgres import start_postgres
from infra_cdk.local.processes import StartError, free_port


def test_a_directory_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "data" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    with pytest.raises(StartError, match="holds files but is no PostgreSQL data directory"):
        start_postgres(notes.parent, port=free_port(), log=tmp_path / "log")
    assert notes.read_text() == "mine"
