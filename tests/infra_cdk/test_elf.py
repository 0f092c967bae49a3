"""Shared libraries are cut to what the loader maps."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra_cdk.elf import without_symbols

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a Linux extension module")

SWITCH = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("greenlet._greenlet", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.__file__, module.greenlet(lambda given: given + 1).switch(41))
"""


def extension_module() -> Path:
    spec = find_spec("greenlet._greenlet")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def test_a_cut_library_loads_and_runs(tmp_path: Path) -> None:
    cut = tmp_path / "_greenlet.so"
    cut.write_bytes(without_symbols(extension_module().read_bytes()))
    run = [sys.executable, "-c", SWITCH, str(cut)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == f"{cut} 42\n"


def test_debug_information_is_gone() -> None:
    whole = extension_module().read_bytes()
    assert b".debug_info" in whole
    cut = without_symbols(whole)
    assert b".debug_info" not in cut
    assert len(cut) < len(whole) / 2


def test_a_cut_library_is_not_cut_again() -> None:
    cut = without_symbols(extension_module().read_bytes())
    assert without_symbols(cut) == cut


def test_what_is_no_library_is_left_alone() -> None:
    assert without_symbols(b"#!/bin/sh\n") == b"#!/bin/sh\n"
