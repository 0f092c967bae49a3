"""One package of the lock as bundles carry it: installed for Lambda's platform, trimmed and compiled.

Most functions carry the same packages. Each is made once and kept in `build/libraries/`, under a name that
its lines of the lock, the platform, this code and this Python make, and copied into every bundle that needs it.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra_cdk import elf
from infra_cdk.registry import ROOT

KEPT = ROOT / "build" / "libraries"

TASK_ROOT = "/var/task"
"""Where Lambda puts a bundle: what compiled modules say that they came from."""

UNUSED = (
    "bin",  # command-line programs, which name the interpreter of the machine that bundled
    "include",
    "sqlalchemy/testing",
    "**/tests",
    "**/*.dist-info/RECORD",  # it would list what was removed
    "**/*.c",
    "**/*.cpp",
    "**/*.h",
    "**/*.hpp",
    "**/*.pxd",
    "**/*.pyi",
    "**/*.pyx",
)
"""What packages bring that no function ever loads, as patterns below their folder."""

_CODE = b"".join(Path(path).read_bytes() for path in (__file__, str(elf.__file__)))


def library(requirement: str, *, platform: str, kept: Path = KEPT) -> Path:
    """Return the folder of a package by its lines of the lock, hashes included; make it where it is missing.

    Raises CalledProcessError where uv fails, a hash differs, or a source does not compile.
    """
    made_of = f"{requirement}\0{platform}\0{sys.version}".encode()
    folder = kept / hashlib.sha256(_CODE + made_of).hexdigest()[:24]
    if not folder.is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, prefix=".") as place:
            made = Path(place) / "library"
            _install(requirement, platform=platform, folder=made)
            _trim(made)
            compile_below(made)
            _move(made, folder)
    return folder


def compile_below(folder: Path) -> None:
    """Compile every module below a folder. Raises CalledProcessError where one does not compile."""
    # In a process of its own: what this one has loaded must not change the bytes. Unchecked: the
    # file system is read-only there, so a source's time could never say anything.
    subprocess.run(
        [
            sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode",
            "unchecked-hash", "-s", str(folder), "-p", TASK_ROOT, str(folder),
        ],
        check=True,
    )  # fmt: skip


def uv_pip(command: str, *arguments: str, given: str) -> str:
    """Run `uv pip`, with `given` as its input; return what it prints. Raises CalledProcessError."""
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [str(uv), "pip", command, "--quiet", *arguments],
        cwd=ROOT, check=True, input=given, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout


def _install(requirement: str, *, platform: str, folder: Path) -> None:
    uv_pip(
        "install", "--python-platform", platform, "--python-version", "3.13", "--target", str(folder),
        "--no-deps", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy",
        "--requirements", "-", given=requirement,
    )  # fmt: skip


def _trim(folder: Path) -> None:
    for unused in sorted({path for pattern in UNUSED for path in folder.glob(pattern)}):
        if unused.is_dir():
            shutil.rmtree(unused)
        else:
            unused.unlink(missing_ok=True)
    for shared_object in folder.rglob("*.so*"):
        shared_object.write_bytes(elf.without_symbols(shared_object.read_bytes()))


def _move(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        # Another process was faster: its folder is the same.
        if not folder.is_dir():
            raise
