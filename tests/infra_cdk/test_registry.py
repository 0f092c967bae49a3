"""The registry finds every function by its spec, and refuses what could not be deployed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import functions
from infra_cdk import registry as module
from infra_cdk.registry import ROOT, keeper_of_dead_letters, queue_names, registry
from shared.manifest.function import OUTBOX_QUEUE, WEBHOOK_QUEUE

SPEC = """
from shared.manifest.function import Function
from shared.manifest.triggers import Http

SPEC = Function(name="{name}", triggers=(Http("{path}"),))
"""

TRIGGERED = """
from shared.manifest.function import Function
from shared.manifest.triggers import DeadLetters, Queue, Subscribes

SPEC = Function(name="{name}", triggers=({trigger},))
"""

type AddFunction = Callable[[str, str], None]


@pytest.fixture
def add_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddFunction]:
    """Add a spec to a checkout that has no other: `add_function("folder", text)`."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(functions, "__path__", [str(tmp_path / "functions")])
    before = set(sys.modules)

    def add(folder: str, text: str) -> None:
        package = tmp_path / "functions" / folder
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "spec.py").write_text(text)

    yield add
    for name in {each for each in set(sys.modules) - before if each.startswith("functions.")}:
        del sys.modules[name]


def registered() -> list[tuple[str, str]]:
    return [(each.spec.name, each.handler) for each in registry.__wrapped__()]


class TestRegistry:
    def test_it_is_every_folder_with_a_spec_ordered_by_name(self) -> None:
        folders = {
            ".".join(path.parent.relative_to(ROOT).parts)
            for path in (ROOT / "functions").rglob("spec.py")
        }
        assert {each.package for each in registry()} == folders
        names = [each.spec.name for each in registry()]
        assert names == sorted(names)

    def test_every_handler_stands_where_it_says(self) -> None:
        for each in registry():
            folder = ROOT.joinpath(*each.package.split("."))
            assert (folder / "handler.py").is_file()
            assert each.handler == f"{each.package}.handler.handler"

    def test_a_new_folder_is_all_that_it_takes(self, add_function: AddFunction) -> None:
        add_function("fresh_one", SPEC.format(name="fresh", path="/fresh"))
        assert registered() == [("fresh", "functions.fresh_one.handler.handler")]

    def test_two_functions_of_one_name_are_refused(self, add_function: AddFunction) -> None:
        add_function("name_one", SPEC.format(name="same", path="/one"))
        add_function("name_two", SPEC.format(name="same", path="/two"))
        with pytest.raises(ValueError, match="two functions have the name 'same'"):
            registered()

    def test_two_functions_of_one_path_are_refused(self, add_function: AddFunction) -> None:
        add_function("path_one", SPEC.format(name="one", path="/same"))
        add_function("path_two", SPEC.format(name="two", path="/same"))
        with pytest.raises(ValueError, match="two functions have the path '/same'"):
            registered()

    def test_two_functions_of_one_queue_are_refused(self, add_function: AddFunction) -> None:
        add_function("queue_one", TRIGGERED.format(name="one", trigger='Queue("same")'))
        add_function("queue_two", TRIGGERED.format(name="same", trigger='Subscribes(("a.b",))'))
        with pytest.raises(ValueError, match="two functions have the queue 'same'"):
            registered()

    def test_two_functions_for_all_dead_letters_are_refused(
        self, add_function: AddFunction
    ) -> None:
        add_function("dead_one", TRIGGERED.format(name="one", trigger="DeadLetters()"))
        add_function("dead_two", TRIGGERED.format(name="two", trigger="DeadLetters()"))
        with pytest.raises(ValueError, match="two functions have the trigger 'DeadLetters'"):
            registered()

    def test_a_file_without_a_spec_is_refused(self, add_function: AddFunction) -> None:
        add_function("empty_one", "SPECIFICATION = None\n")
        with pytest.raises(TypeError, match=r"functions\.empty_one\.spec holds no SPEC"):
            registered()

    def test_reading_it_imports_no_handler_and_nothing_but_the_standard_library(self) -> None:
        script = (
            "import sys; before = set(sys.modules);"
            "from infra_cdk.registry import registry; assert registry();"
            "print('\\n'.join(set(sys.modules) - before))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        loaded = set(done.stdout.split())
        assert [name for name in loaded if name.endswith(".handler")] == []
        ours = ("functions", "shared", "infra_cdk")
        strangers = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
        assert strangers <= set(ours)
        assert {name for name in loaded if name.startswith("shared.")} <= {
            "shared.manifest",
            *(f"shared.manifest.{part}" for part in ("function", "triggers", "limits")),
        }


class TestQueues:
    def test_they_are_those_of_every_source_in_order(self) -> None:
        declared = [source.queue for each in registry() for source in each.spec.sources]
        assert queue_names() == tuple(sorted(declared))
        assert OUTBOX_QUEUE in queue_names()
        assert WEBHOOK_QUEUE in queue_names()

    def test_what_they_give_up_has_a_keeper(self) -> None:
        keeper = keeper_of_dead_letters()
        assert keeper is not None
        assert keeper.spec.dead_letters is not None
        assert queue_names()
