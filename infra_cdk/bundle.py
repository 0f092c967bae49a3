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

from infra_cdk.libraries import KEPT, compile_below, library, uv_pip
from infra_cdk.registry import ROOT, Registered, registry

PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""uv's names of the platforms that Lambda runs on. An older manylinux resolves to old releases."""

IN_RUNTIME = "boto3"
"""Carried by Lambda's Python runtime: it is in no bundle, nor is what only boto3 depends on."""

MIB = 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LOCK = ROOT / "requirements" / "dev.txt"


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


def make_bundle(
    each: Registered, *, architecture: str, build: Path = ROOT / "build", kept: Path = KEPT
) -> Bundle:
    """Make one function's folder and zip. Packages that are made already are taken from `kept`.

    Raises ValueError where it is larger than the spec's `bundle_mib`, CalledProcessError where uv
    fails, a hash differs from the lock, or a source does not compile.
    """
    folder = make_folder(each, architecture=architecture, build=build, kept=kept)
    bundle = Bundle(folder=folder, archive=_zip(folder))
    if bundle.unzipped_bytes > each.spec.bundle_mib * MIB:
        raise ValueError(f"{report(each, bundle)}: larger than its spec allows")
    return bundle


def make_folder(each: Registered, *, architecture: str, build: Path, kept: Path = KEPT) -> Path:
    """Make one function's folder alone, as `make_bundle` does."""
    folder = build / each.spec.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _copy_sources(each, folder=folder)
    compile_below(folder)
    platform = PLATFORMS[architecture]
    for requirement in _requirements(each, platform=platform):
        shutil.copytree(
            library(requirement, platform=platform, kept=kept), folder, dirs_exist_ok=True
        )
    _open_to_all(folder)
    return folder


def report(each: Registered, bundle: Bundle) -> str:
    """Say in one line how large a bundle is, beside the ceiling of its spec."""
    unzipped, zipped = bundle.unzipped_bytes / MIB, bundle.zipped_bytes / MIB
    of = f"of {each.spec.bundle_mib} MiB"
    return f"{each.spec.name:24} {unzipped:5.1f} {of} unzipped, {zipped:5.1f} MiB zipped"


def _requirements(each: Registered, *, platform: str) -> list[str]:
    """Return the lock's own lines, hashes included, of each package that a function carries."""
    extras = [part for extra in sorted(each.spec.extras) for part in ("--extra", extra)]
    resolved = uv_pip(
        "compile", "pyproject.toml", *extras, "--python-platform", platform, "--python-version", "3.13",
        "--constraints", str(_LOCK), "--excludes", "-", "--no-header", "--no-annotate", given=IN_RUNTIME,
    )  # fmt: skip
    names = re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", resolved, re.MULTILINE)
    blocks = re.split(r"\n(?=[a-z0-9])", _LOCK.read_text())
    by_name = {re.split(r"[\[=]", block, maxsplit=1)[0].strip(): block for block in blocks}
    return [by_name[name] + "\n" for name in names]


def _copy_sources(each: Registered, *, folder: Path) -> None:
    package = Path(*each.package.split("."))
    for source in (Path("shared"), package):
        shutil.copytree(
            ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__")
        )
    for parent in package.parents[:-1]:
        shutil.copy2(ROOT / parent / "__init__.py", folder / parent / "__init__.py")


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
