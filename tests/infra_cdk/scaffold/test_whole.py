"""A checkout into which a job and a task were just written passes every check as it is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra_cdk.registry import ROOT

JOB = "prune_carts"
TASK = "resize_photos_of_all_lanterns_at_night"
"""Long, so that lines break otherwise than in the templates."""

pytestmark = [
    pytest.mark.xdist_group("scaffold"),  # one checkout serves all tests
    pytest.mark.timeout(300),
]


def run(*command: str | Path, checkout: Path) -> str:
    """Run a command in a checkout and return what it wrote; fail where it fails."""
    # As from a shell: what this pytest says to its own processes is not for one in there.
    inherited = {name: os.environ[name] for name in os.environ if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=checkout,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def files_of_this_checkout() -> Iterator[Path]:
    """What git tracks or would track."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for line in run(*listed, checkout=ROOT).splitlines():
        if (ROOT / line).is_file():
            yield Path(line)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, as a repository of its own, with a new job and a new task."""
    copy = tmp_path_factory.mktemp("scaffold") / "checkout"
    for path in files_of_this_checkout():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    if (ROOT / ".mypy_cache").exists():
        # It holds what is known of the libraries, which takes longest.
        shutil.copytree(ROOT / ".mypy_cache", copy / ".mypy_cache")
    run("git", "init", "--quiet", checkout=copy)
    for kind, name in (("job", JOB), ("task", TASK)):
        run(sys.executable, "-m", "infra_cdk.scaffold", kind, name, checkout=copy)
    return copy


def written(checkout: Path) -> list[str]:
    """The Python files that are new."""
    paths = (path for path in checkout.rglob("*.py") if {JOB, TASK} & set(path.parts))
    return [str(path.relative_to(checkout)) for path in paths]


def test_they_are_formatted_and_keep_the_rules_of_the_linter(checkout: Path) -> None:
    assert len(written(checkout)) == 11
    ruff = (sys.executable, "-m", "ruff")
    run(*ruff, "format", "--check", *written(checkout), checkout=checkout)
    run(*ruff, "check", "--no-cache", *written(checkout), checkout=checkout)


def test_their_types_are_right(checkout: Path) -> None:
    run(sys.executable, "-m", "mypy", *written(checkout), checkout=checkout)


def test_they_import_only_what_they_may(checkout: Path) -> None:
    run(Path(sys.executable).parent / "lint-imports", "--no-cache", checkout=checkout)


def test_they_pass_their_own_tests_and_those_of_every_function(checkout: Path) -> None:
    jobs, queues = f"tests/functions/schedules/{JOB}", f"tests/functions/queues/{TASK}"
    chosen = " or ".join(
        (JOB, TASK, JOB.replace("_", "-"), TASK.replace("_", "-"), "house_rules", "functions_are")
    )
    tests = ("tests/architecture", "tests/functions/test_cold_start.py", jobs, queues)
    pytest_ = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen)
    assert " passed" in run(*pytest_, *tests, checkout=checkout)


def test_a_second_one_of_a_name_is_refused_and_changes_nothing(checkout: Path) -> None:
    before = run("git", "status", "--short", "--untracked-files=all", checkout=checkout)
    for kind, name in (("job", JOB), ("task", JOB), ("job", TASK), ("task", TASK)):
        refused = subprocess.run(
            [sys.executable, "-m", "infra_cdk.scaffold", kind, name],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert (
            refused.stderr == f"there is a function or a queue {name.replace('_', '-')} already\n"
        )
    assert run("git", "status", "--short", "--untracked-files=all", checkout=checkout) == before
