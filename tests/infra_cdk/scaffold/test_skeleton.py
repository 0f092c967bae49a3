"""A skeleton is written whole or not at all, and over nothing."""

from pathlib import Path
from typing import Any

import pytest

from infra_cdk.scaffold import skeleton
from infra_cdk.scaffold.__main__ import main
from infra_cdk.scaffold.names import Name, ScaffoldError
from infra_cdk.scaffold.skeleton import Kind, rendered, write

NAME = Name("resize_photos")

JOB = {
    "events/schedule/resize-photos/scheduled.json",
    "functions/schedules/resize_photos/__init__.py",
    "functions/schedules/resize_photos/handler.py",
    "functions/schedules/resize_photos/spec.py",
    "tests/functions/schedules/resize_photos/test_handler.py",
}
TASK = {
    "events/sqs/resize-photos/requested.json",
    "functions/queues/resize_photos/__init__.py",
    "functions/queues/resize_photos/handler.py",
    "functions/queues/resize_photos/spec.py",
    "shared/domains/resize_photos/__init__.py",
    "shared/domains/resize_photos/api.py",
    "shared/domains/resize_photos/events.py",
    "tests/functions/queues/resize_photos/test_handler.py",
}


def everything_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


class TestRendered:
    @pytest.mark.parametrize(("kind", "paths"), [(Kind.JOB, JOB), (Kind.TASK, TASK)])
    def test_it_is_every_file_that_is_needed(self, kind: Kind, paths: set[str]) -> None:
        texts = rendered(kind, name=NAME)
        assert {str(path) for path in texts} == paths
        assert [path for path, text in texts.items() if "$" in text or "NAME" in text] == []

    @pytest.mark.parametrize("kind", Kind)
    def test_initialisers_are_empty_and_the_rest_is_not(self, kind: Kind) -> None:
        for path, text in rendered(kind, name=NAME).items():
            assert bool(text) == (path.name != "__init__.py")


class TestWrite:
    def test_it_writes_below_the_root(self, tmp_path: Path) -> None:
        texts = rendered(Kind.TASK, name=NAME)
        write(texts, root=tmp_path)
        assert {path: (tmp_path / path).read_text() for path in texts} == texts

    @pytest.mark.parametrize("path", sorted(TASK))
    def test_where_a_folder_holds_files_nothing_is_written(self, tmp_path: Path, path: str) -> None:
        other = (tmp_path / path).parent / "other.txt"
        other.parent.mkdir(parents=True)
        other.write_text("mine")
        before = everything_below(tmp_path)
        with pytest.raises(ScaffoldError, match="is there already"):
            write(rendered(Kind.TASK, name=NAME), root=tmp_path)
        assert everything_below(tmp_path) == before

    def test_what_python_left_of_a_deleted_one_is_no_obstacle(self, tmp_path: Path) -> None:
        (tmp_path / "functions/queues/resize_photos/__pycache__").mkdir(parents=True)
        write(rendered(Kind.TASK, name=NAME), root=tmp_path)
        assert everything_below(tmp_path) > TASK

    def test_where_one_file_cannot_be_written_none_is(self, tmp_path: Path) -> None:
        (tmp_path / "shared").write_text("a file where a folder belongs")
        with pytest.raises(ScaffoldError, match="nothing is written"):
            write(rendered(Kind.TASK, name=NAME), root=tmp_path)
        assert everything_below(tmp_path) == {"shared"}

    def test_what_is_interrupted_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make = skeleton._make_folder

        def interrupted(folder: Path, **arguments: Any) -> None:
            if folder.name == "resize_photos":
                raise KeyboardInterrupt
            make(folder, **arguments)

        monkeypatch.setattr(skeleton, "_make_folder", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write(rendered(Kind.JOB, name=NAME), root=tmp_path)
        assert everything_below(tmp_path) == set()


class TestMain:
    @pytest.mark.parametrize(
        "arguments", [[], ["job"], ["job", ""], ["page", "prune"], ["job", "prune", "carts"]]
    )
    def test_what_it_cannot_read_is_answered_by_its_usage(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit, match="usage: make new-job NAME="):
            main(arguments)

    @pytest.mark.parametrize("kind", Kind)
    @pytest.mark.parametrize("given", ["Prune", "class", "webapp", "a" * 60])
    def test_a_bad_name_is_answered_in_one_line(self, kind: Kind, given: str) -> None:
        with pytest.raises(SystemExit) as exit_:
            main([kind, given])
        assert isinstance(exit_.value.code, str)
        assert len(exit_.value.code.splitlines()) == 1
