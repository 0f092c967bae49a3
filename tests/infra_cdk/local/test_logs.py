"""What the functions write: whole in the file, short on the terminal."""

import json
from pathlib import Path

import pytest

from infra_cdk.local.logs import FunctionLog, shorten


def test_the_file_has_every_line_whole_and_at_once(tmp_path: Path) -> None:
    shown: list[str] = []
    log = FunctionLog(tmp_path / "logs" / "functions.log", say=shown.append)
    lines = [
        f"webapp | {json.dumps({'level': 'INFO', 'message': 'request'})}",
        f"webapp | {'x' * 500}",
        "webapp | Zürich \ud800",
    ]
    for line in lines:
        log.write(line)
    kept = (tmp_path / "logs" / "functions.log").read_text().splitlines()
    log.close()
    assert kept == [*lines[:2], "webapp | Zürich \\ud800"]
    assert [len(line) for line in shown] == [160, len(lines[2])]


def test_each_run_begins_anew(tmp_path: Path) -> None:
    for word in ("old", "new"):
        log = FunctionLog(tmp_path / "functions.log", say=lambda _: None)
        log.write(word)
        log.close()
    assert (tmp_path / "functions.log").read_text() == "new\n"


@pytest.mark.parametrize(
    ("record", "short"),
    [
        ({"level": "INFO", "message": "sent", "service": "webapp"}, "INFO sent"),
        (
            {"level": "ERROR", "message": "boom", "exception_name": "KeyError"},
            "ERROR boom KeyError",
        ),
        ({"level": "WARNING", "message": {"a": 1}}, "WARNING {'a': 1}"),
    ],
)
def test_a_record_is_shown_as_its_level_and_message(record: object, short: str) -> None:
    assert shorten(f"webapp | {json.dumps(record)}") == f"webapp | {short}"


def test_the_record_of_a_request_is_not_shown_for_the_gateway_shows_it() -> None:
    record = {"level": "INFO", "message": "request", "path": "/health"}
    assert shorten(f"infrastructure | {json.dumps(record)}") is None


def test_a_metric_is_kept_in_the_file_and_not_shown() -> None:
    assert shorten('outbox-relay | {"_aws":{"Timestamp":1},"OutboxPublished":[1.0]}') is None


@pytest.mark.parametrize("text", ["Traceback (most recent call last):", "[1]", "{}", "1", "a | b"])
def test_what_is_no_record_is_shown_as_it_is(text: str) -> None:
    assert shorten(f"webapp | {text}") == f"webapp | {text}"


def test_a_long_line_is_cut() -> None:
    short = shorten(f"webapp | {'x' * 500}")
    assert short is not None
    assert (len(short), short[-4:]) == (160, "x...")
