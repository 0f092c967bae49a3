"""The state of the local runner: kept, held by one runner, cleared."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra_cdk.local.processes import StartError
from infra_cdk.local.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


class TestSigningKey:
    def test_it_stays_the_same_and_is_readable_by_its_owner_only(self, state: State) -> None:
        with state.locked():
            key = state.signing_key()
        assert len(key) == 64
        assert State(state.place).signing_key() == key
        assert stat.S_IMODE((state.place / "signing-key").stat().st_mode) == 0o600

    def test_each_state_has_one_of_its_own(self, state: State, tmp_path: Path) -> None:
        other = State(tmp_path / "other")
        with state.locked(), other.locked():
            assert state.signing_key() != other.signing_key()

    def test_an_interrupted_run_leaves_no_half_of_a_key(self, state: State) -> None:
        with state.locked():
            (state.place / "signing-key.new").write_text("half")
            assert len(state.signing_key()) == 64


class TestLock:
    def test_a_second_runner_is_refused_and_the_first_named(self, state: State) -> None:
        with state.locked():
            expected = f"already uses {state.place} .process {os.getpid()}."
            with pytest.raises(StartError, match=expected), State(state.place).locked():
                raise AssertionError("two runners hold one state")

    def test_the_next_runner_may_have_it(self, state: State) -> None:
        with state.locked():
            pass
        with State(state.place).locked():
            pass

    def test_no_child_keeps_it(self, state: State) -> None:
        program = [sys.executable, "-c", "print('up', flush=True); input()"]
        with state.locked():
            child = subprocess.Popen(
                program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
            )
            assert child.stdout is not None
            assert child.stdout.readline() == b"up\n"
        with child, State(state.place).locked():
            assert child.poll() is None
            child.communicate(b"\n")

    def test_a_directory_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with (
            pytest.raises(StartError, match=r"file/state cannot be used: Not a directory"),
            State(tmp_path / "file" / "state").locked(),
        ):
            raise AssertionError("a file became a directory")


class TestClearing:
    def test_it_forgets_all_that_was_kept(self, state: State) -> None:
        with state.locked():
            state.signing_key()
            for folder in (state.postgres, state.valkey, state.logs):
                folder.mkdir()
                (folder / "file").touch()
        state.clear()
        assert [path.name for path in state.place.iterdir()] == ["lock"]

    def test_it_is_refused_while_a_runner_runs(self, state: State) -> None:
        with state.locked():
            key = state.signing_key()
            with pytest.raises(StartError, match="already uses"):
                State(state.place).clear()
            assert state.signing_key() == key

    def test_it_touches_no_file_that_the_runner_did_not_make(self, state: State) -> None:
        state.place.mkdir()
        (state.place / "thesis.txt").touch()
        state.clear()
        assert (state.place / "thesis.txt").exists()

    def test_what_was_never_there_is_not_made(self, state: State) -> None:
        state.clear()
        assert not state.place.exists()
