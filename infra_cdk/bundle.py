"""`python -m infra_cdk.bundle [names] [--architecture ...]`: `build/<function>/` and its zip.

A bundle is made from the lock and the sources alone, so that the same commit gives the same bytes.
"""

import argparse
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra_cdk.elf import without_symbols
from infra_cdk.registry import ROOT, Registered, registry

PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""uv's names of the platforms that Lambda runs on. An older manylinux resolves to old releases."""

IN_RUNTIME = "boto3"
"""Carried by Lambda's Python runtime: it is in no bundle, nor is what only boto3 depends on."""

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
"""What packages bring that no function ever loads, as patterns below the bundle."""

MIB = 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LOCK = ROOT / "requirements" / "dev.txt"
_TASK_ROOT = "/var/task"


@dataclass(frozen=True)
class Bundle:
    """A finished bundle: its folder and its zip, and their sizes in bytes."""

    folder: Path
    archive: Path

    @property
    def unzipped_bytes(self) -> int:
        """What counts towards Lambda's limit and the spec's `bundle_mib`."""
        return sum(path.stat().st_size for path in _files(self.folder))

    @property
    def zipped_bytes(self) -> int:
        """What is uploaded."""
        return self.archive.stat().st_size


def make_bundle(each: Registered, *, architecture: str, build: Path = ROOT / "build") -> Bundle:
    """Make one function's folder and zip.

    Raises ValueError where it is larger than the spec's `bundle_mib`, CalledProcessError where uv
    fails, a hash differs from the lock, or a source does not compile.
    """
    folder = build / each.spec.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _install(each, folder=folder, platform=PLATFORMS[architecture])
    _copy_sources(each, folder=folder)
    _trim(folder)
    _compile(folder)
    _open_to_all(folder)
    bundle = Bundle(folder=folder, archive=_zip(folder))
    if bundle.unzipped_bytes > each.spec.bundle_mib * MIB:
        raise ValueError(f"{report(each, bundle)}: larger than its spec allows")
    return bundle


def report(each: Registered, bundle: Bundle) -> str:
    """Say in one line how large a bundle is, beside the ceiling of its spec."""
    unzipped, zipped = bundle.unzipped_bytes / MIB, bundle.zipped_bytes / MIB
    of = f"of {each.spec.bundle_mib} MiB"
    return f"{each.spec.name:24} {unzipped:5.1f} {of} unzipped, {zipped:5.1f} MiB zipped"


def _install(each: Registered, *, folder: Path, platform: str) -> None:
    extras = [part for extra in sorted(each.spec.extras) for part in ("--extra", extra)]
    target = ("--python-platform", platform, "--python-version", "3.13")
    resolved = _uv(
        "compile", "pyproject.toml", *extras, *target, "--constraints", str(_LOCK),
        "--excludes", "-", "--no-header", "--no-annotate", given=IN_RUNTIME,
    )  # fmt: skip
    names = re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", resolved, re.MULTILINE)
    _uv(
        "install", *target, "--target", str(folder), "--no-deps", "--require-hashes",
        "--only-binary", ":all:", "--link-mode", "copy", "--requirements", "-",
        given=_locked(names),
    )  # fmt: skip


def _locked(names: list[str]) -> str:
    """Return the lock's own lines, hashes included, of `names`."""
    blocks = re.split(r"\n(?=[a-z0-9])", _LOCK.read_text())
    by_name = {re.split(r"[\[=]", block, maxsplit=1)[0].strip(): block for block in blocks}
    return "\n".join(by_name[name] for name in names) + "\n"


def _uv(command: str, *arguments: str, given: str) -> str:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [str(uv), "pip", command, "--quiet", *arguments],
        cwd=ROOT, check=True, input=given, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout


def _copy_sources(each: Registered, *, folder: Path) -> None:
    package = Path(*each.package.split("."))
    for source in (Path("shared"), package):
        shutil.copytree(
            ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__")
        )
    for parent in package.parents[:-1]:
        shutil.copy2(ROOT / parent / "__init__.py", folder / parent / "__init__.py")


def _trim(folder: Path) -> None:
    for unused in sorted({path for pattern in UNUSED for path in folder.glob(pattern)}):
        if unused.is_dir():
            shutil.rmtree(unused)
        else:
            unused.unlink(missing_ok=True)
    for library in folder.rglob("*.so*"):
        library.write_bytes(without_symbols(library.read_bytes()))


def _compile(folder: Path) -> None:
    # In a process of its own: what this one has loaded must not change the bytes. Unchecked: the
    # file system is read-only there, so a source's time could never say anything.
    subprocess.run(
        [
            sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode",
            "unchecked-hash", "-s", str(folder), "-p", _TASK_ROOT, str(folder),
        ],
        check=True,
    )  # fmt: skip


def _open_to_all(folder: Path) -> None:
    """Let Lambda's user read the files, whatever the umask was."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _zip(folder: Path) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in _files(folder):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), _EPOCH)
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Bundle the named functions, or all of them; exit with a line where that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *(e.spec.name for e in registry())])
    parser.add_argument("--architecture", choices=PLATFORMS, default="arm64")
    chosen = parser.parse_args()
    try:
        for each in registry():
            if not chosen.names or each.spec.name in chosen.names:
                print(report(each, make_bundle(each, architecture=chosen.architecture)))
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
