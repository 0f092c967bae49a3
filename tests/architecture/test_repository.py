"""What every tracked file of the repository keeps to."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK_FILES = ("requirements/dev.txt", "requirements/uv.txt", "requirements/sam.txt")
HASHED = re.compile(r"^[A-Za-z0-9._\[\]-]+==\S+( ; .*)? \\$")


@cache
def tracked() -> tuple[Path, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file())


def holders(pattern: bytes) -> list[str]:
    found = re.compile(pattern)
    return [str(path.relative_to(ROOT)) for path in tracked() if found.search(path.read_bytes())]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = (b"pypi", b"pythonhosted"), (b"registry", b"npmjs")
    for first, second in hosts:
        assert holders(first + rb"(\.python)?\." + (b"org" if first == b"pypi" else second)) == []
    assert holders(rb"files\.pythonhosted" + rb"\.org") == []


def test_the_npm_lock_records_no_download_address() -> None:
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


@pytest.mark.parametrize("name", LOCK_FILES)
def test_every_requirement_is_pinned_with_its_hashes(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    requirements = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert requirements
    assert [line for line in requirements if not HASHED.match(line)] == []


def test_the_lock_agrees_with_what_is_installed() -> None:
    """A lock that nobody installed proves nothing: each pin must be what the tests run on."""
    from importlib.metadata import PackageNotFoundError, version

    wrong = []
    for line in (ROOT / "requirements" / "dev.txt").read_text().splitlines():
        if line.startswith((" ", "#")) or ";" in line or "==" not in line:
            continue
        name, _, pinned = line.rstrip(" \\").partition("==")
        try:
            installed = version(name.partition("[")[0])
        except PackageNotFoundError:
            installed = "nothing"
        if installed != pinned:
            wrong.append(f"{name}: lock {pinned}, installed {installed}")
    assert wrong == []
