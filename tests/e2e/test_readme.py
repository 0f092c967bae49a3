"""What the README, and the pages beside it, tell a new user to type works as it stands there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cloud_fixtures import Cloud

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {"README.md": 17, "docs/second-factors.md": 1, "docs/oauth.md": 1}
"""The pages that are run, and how many blocks each has."""
LOCAL = "http://127.0.0.1:8000"


def _blocks_of(page: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def output(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the commands print, run one after the other in one shell."""
    found = {page: _blocks_of(page) for page in PAGES}
    assert {page: len(blocks) for page, blocks in found.items()} == PAGES
    blocks = [block for each in found.values() for block in each]
    folder = tmp_path_factory.mktemp("readme")
    script = "set -euo pipefail\n" + "\necho\n".join(blocks).replace(LOCAL, cloud.url)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
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
    assert re.search(r"^412\n+204$", output, re.MULTILINE)


def test_a_repeated_request_is_answered_again_and_marked(output: str) -> None:
    assert output.count("idempotent-replayed: true") == 1
    (first, second) = re.findall(r"^location: (\S+)", output, re.MULTILINE | re.IGNORECASE)
    assert first == second


def test_imports_the_good_rows_and_reports_the_wrong_one_by_its_line(output: str) -> None:
    assert '"result":{"rows":3,"failed":1,"imported":2,"errors_kept":1}' in output
    assert '"line":3,"field":"name"' in output


def test_downloads_what_it_exported(output: str) -> None:
    assert "Points lever,,30.00,EUR,steel|red,active" in output


def test_finds_the_mail_in_the_mailbox(output: str) -> None:
    assert '"subject": "Your export is ready"' in output


def test_the_operator_sees_the_queues_and_the_audit_trail(output: str) -> None:
    assert '"queues":[{"name":' in output
    assert re.search(r'"action":"[a-z_]+\.[a-z_]+","subject":', output)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_every_target_that_it_names_is_there(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([a-zA-Z][^):]*)\)", README))))
def test_every_file_that_it_links_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_a_partner_calls_with_its_key_and_sees_what_it_used(output: str) -> None:
    assert re.search(r'"plan":"free","rate_per_s":2,"burst":5,"quota":1000', output)
    assert '"last_used_at":"20' in output


def test_a_third_party_reads_what_it_was_granted(output: str) -> None:
    assert re.search(r'"active":true.*"scope":"items:read"', output) or re.search(
        r'"scope":"items:read".*"active":true', output
    )
    assert '"code_challenge_methods_supported":["S256"]' in output


def test_a_recovery_code_stands_in_for_a_second_factor(output: str) -> None:
    assert output.count('"refresh_token":') >= 2
