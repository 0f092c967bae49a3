import subprocess
import sys

import pytest

from shared.core.lazy import lazy_module


def test_a_module_runs_when_it_is_first_used_and_not_before() -> None:
    program = (
        "import sys; from shared.core.lazy import lazy_module; "
        "module = lazy_module('colorsys'); "
        "assert not hasattr(sys, 'x'); assert 'rgb_to_hsv' not in object.__getattribute__(module, '__dict__'); "
        "assert module.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0); "
        "assert sys.modules['colorsys'] is module"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_that_is_loaded_already_is_the_same() -> None:
    assert lazy_module("json") is sys.modules["json"]


def test_one_that_does_not_exist_is_told_at_once() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        lazy_module("shared.no_such_module")
