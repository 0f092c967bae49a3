"""What the README tells a new user to type works as it stands there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cloud_fixtures import Cloud

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def output(cloud: Cloud) -> str:
    """What the README's commands print, run one after the other in one shell."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    script = "set -euo pipefail\n" + "\necho\n".join(blocks).replace(LOCAL, cloud.url)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_registers(output: str) -> None:
    assert '"username":"ada"' in output


def test_finds_what_it_created(output: str) -> None:
    assert '"items":[{"id":' in output
    assert '"price":{"amount":"12.50","currency":"EUR"}' in output


def test_changes_the_version_that_it_saw(output: str) -> None:
    assert '"price":null' in output


def test_a_stale_version_is_412_and_the_fresh_one_204(output: str) -> None:
    assert output.split()[-2:] == ["412", "204"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_every_target_that_it_names_is_there(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([a-zA-Z][^):]*)\)", README))))
def test_every_file_that_it_links_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
