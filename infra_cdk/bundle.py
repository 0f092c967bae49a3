"""`python -m infra_cdk.bundle [names] [--architecture ...]`: `build/<function>/` and its zip."""

import argparse
import compileall
import py_compile
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from infra_cdk.registry import ROOT, Registered, registry

PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""uv's names of the platforms that Lambda runs on."""

IN_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath")
"""Carried by Lambda's Python runtime, therefore by no bundle."""

_MIB = 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LOCK = ROOT / "requirements" / "dev.txt"


def make_bundle(each: Registered, *, architecture: str, build: Path = ROOT / "build") -> Path:
    """Make one function's folder and zip, and return the folder.

    Raises ValueError where it is larger than the spec's `bundle_mib`, CalledProcessError where uv
    fails or a hash differs from the lock.
    """
    folder = build / each.spec.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _install(each, folder=folder, platform=PLATFORMS[architecture])
    _copy_sources(each, folder=folder)
    _compile(folder)
    _zip(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{each.spec.name:20} {size / _MIB:6.1f} MiB of {each.spec.bundle_mib}")
    if size > each.spec.bundle_mib * _MIB:
        raise ValueError(f"{each.spec.name} is larger than its {each.spec.bundle_mib} MiB")
    return folder


def _install(each: Registered, *, folder: Path, platform: str) -> None:
    extras = [part for extra in sorted(each.spec.extras) for part in ("--extra", extra)]
    resolved = _uv(
        "compile", "pyproject.toml", *extras, "-c", str(_LOCK), "--python-platform", platform,
        "--python-version", "3.13", "--no-header", "--no-annotate",
    )  # fmt: skip
    pinned = _locked(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", resolved, re.MULTILINE))
    requirements = folder.with_suffix(".txt")
    requirements.write_text(pinned)
    _uv(
        "install", "--target", str(folder), "--python-platform", platform, "--no-deps",
        "--python-version", "3.13", "--only-binary", ":all:", "--require-hashes",
        "--link-mode", "copy", "-r", str(requirements),
    )  # fmt: skip


def _locked(names: list[str]) -> str:
    """Return the lock's own lines, hashes included, of `names`."""
    blocks = re.split(r"\n(?=[a-z0-9])", _LOCK.read_text())
    by_name = {re.split(r"[\[=]", block, maxsplit=1)[0].strip(): block for block in blocks}
    return "\n".join(by_name[name] for name in names if name not in IN_RUNTIME) + "\n"


def _uv(command: str, *arguments: str) -> str:
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [str(uv), "pip", command, "--quiet", *arguments],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
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


def _compile(folder: Path) -> None:
    for tests in [path for path in folder.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests, ignore_errors=True)
    # Unchecked: the file system is read-only there, so a source's time could never say anything.
    compileall.compile_dir(
        folder, quiet=2, stripdir=str(folder),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def _zip(folder: Path) -> None:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def main() -> None:
    """Bundle the named functions, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *(e.spec.name for e in registry())])
    parser.add_argument("--architecture", choices=PLATFORMS, default="arm64")
    chosen = parser.parse_args()
    for each in registry():
        if not chosen.names or each.spec.name in chosen.names:
            make_bundle(each, architecture=chosen.architecture)


if __name__ == "__main__":
    main()
