"""What is uploaded is whole, lean and the same each time."""

import platform
import struct
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp
import pytest

from infra_cdk.bundle import MIB, Bundle, make_bundle, make_folder
from infra_cdk.libraries import compile_below
from infra_cdk.registry import Registered, registry

pytestmark = pytest.mark.xdist_group("bundles")

FUNCTIONS = {each.spec.name: each for each in registry()}
BOTO3 = ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "six")
"""What Lambda's runtime carries for boto3, by the names that are imported."""

ARM64 = 183
"""An ELF file's number of the machine."""

UNCHECKED_HASH = 0b01
"""A .pyc file's flags: it stands for its source unasked (PEP 552)."""

IMPORT = """
import importlib, sys
folders, names = sys.argv[1].split(":"), sys.argv[2:]
sys.path[:0] = folders
for name in names:
    importlib.import_module(name)
print(*(path for module in list(sys.modules.values()) if (path := getattr(module, "__file__", None))))
"""
"""Import the modules named, from the folders given; print where all modules came from."""


@pytest.fixture(scope="module")
def webapp(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The webapp function's bundle as it is deployed."""
    build = tmp_path_factory.mktemp("arm64")
    return make_bundle(FUNCTIONS["webapp"], architecture="arm64", build=build)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with boto3 and what it needs, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in BOTO3:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        module = Path(spec.origin)
        source = module.parent if module.name == "__init__.py" else module
        (folder / source.name).symlink_to(source)
    return folder


def files(bundle: Bundle, pattern: str) -> list[Path]:
    found = sorted(bundle.folder.rglob(pattern))
    assert found
    return found


class TestContents:
    def test_libraries_are_for_the_architecture_of_the_function(self, webapp: Bundle) -> None:
        machines = {
            struct.unpack_from("<H", library.read_bytes(), 0x12)[0]
            for library in files(webapp, "*.so*")
        }
        assert machines == {ARM64}

    def test_what_the_runtime_carries_is_left_out(self, webapp: Bundle) -> None:
        roots = {path.stem for path in webapp.folder.iterdir()}
        assert roots.isdisjoint(BOTO3)
        assert {"fastapi", "sqlalchemy", "shared", "functions"} <= roots

    def test_other_functions_are_left_out(self, webapp: Bundle) -> None:
        specs = webapp.folder.glob("functions/**/spec.py")
        assert [path.parent.name for path in specs] == ["webapp"]

    def test_every_module_is_compiled_and_never_checked_again(self, webapp: Bundle) -> None:
        for source in files(webapp, "*.py"):
            compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
            (flags,) = struct.unpack_from("<I", compiled.read_bytes(), 4)
            assert flags == UNCHECKED_HASH, source

    def test_packages_keep_their_metadata(self, webapp: Bundle) -> None:
        described = files(webapp, "*.dist-info")
        assert all((each / "METADATA").is_file() for each in described)
        assert files(webapp, "entry_points.txt")

    def test_files_are_readable_for_the_user_that_lambda_runs_as(self, webapp: Bundle) -> None:
        assert {path.stat().st_mode & 0o777 for path in files(webapp, "*.py")} == {0o644}
        folders = {path for path in webapp.folder.rglob("*") if path.is_dir()}
        assert {path.stat().st_mode & 0o777 for path in folders} == {0o755}

    def test_nothing_tells_where_it_was_made(self, webapp: Bundle) -> None:
        here = (str(webapp.folder.parent).encode(), sys.prefix.encode())
        telling = [
            path
            for path in webapp.folder.rglob("*")
            if path.is_file() and any(place in path.read_bytes() for place in here)
        ]
        assert telling == []

    def test_the_zip_holds_the_folder(self, webapp: Bundle) -> None:
        with zipfile.ZipFile(webapp.archive) as opened:
            names = set(opened.namelist())
        in_folder = (path for path in webapp.folder.rglob("*") if path.is_file())
        assert names == {str(path.relative_to(webapp.folder)) for path in in_folder}


class TestMaking:
    def test_two_runs_give_the_same_bytes(self, tmp_path: Path) -> None:
        made = [
            make_bundle(
                FUNCTIONS["docs"],
                architecture="arm64",
                build=tmp_path / place,
                kept=tmp_path / place / "libraries",
            )
            for place in ("once", "again")
        ]
        assert made[0].archive.read_bytes() == made[1].archive.read_bytes()

    def test_a_bundle_over_its_ceiling_is_refused(self, tmp_path: Path) -> None:
        docs = FUNCTIONS["docs"]
        tight = replace(docs, spec=replace(docs.spec, bundle_mib=1))
        with pytest.raises(ValueError, match=r"docs .* of 1 MiB unzipped"):
            make_bundle(tight, architecture="arm64", build=tmp_path)

    def test_a_source_that_does_not_compile_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "broken.py").write_text("def broken(:\n")
        with pytest.raises(subprocess.CalledProcessError):
            compile_below(tmp_path)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("functions", "shared", include_external_packages=True, cache_dir=None)


def reachable(each: Registered) -> list[str]:
    """Name every module that a handler may import, at its start or later, first its own."""
    handler = each.handler.removesuffix(".handler")
    return [handler, *sorted(imports().find_upstream_modules(handler))]


@pytest.mark.skipif(sys.platform != "linux", reason="bundles are for Linux")
@pytest.mark.parametrize("each", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_bundle_and_the_runtime_hold_all_that_a_handler_may_import(
    each: Registered, runtime: Path, tmp_path: Path
) -> None:
    architecture = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    folder = make_folder(each, architecture=architecture, build=tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, f"{folder}:{runtime}", *reachable(each)],
        cwd=tmp_path, env={}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    allowed = (str(folder), str(runtime), sysconfig.get_path("stdlib"))
    assert [path for path in done.stdout.split() if not path.startswith(allowed)] == []
    assert size_of(folder) <= each.spec.bundle_mib * MIB
