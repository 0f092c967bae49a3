"""docs/webhooks-consuming.md shows what the examples hold, and its commands work as they stand there."""

import os
import re
import subprocess
import textwrap

import pytest

from shared.core.webhook_signing import new_secret
from tests.node_fixtures import NODE, ROOT

PAGE = ROOT / "docs" / "webhooks-consuming.md"
EXAMPLES = PAGE.parent / "examples" / "webhooks"
SUFFIXES = {"python": ".py", "ts": ".ts"}


def blocks_of(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def source_of(suffix: str) -> str:
    """Return the examples in a language, without what stands before each line."""
    texts = (path.read_text() for path in sorted(EXAMPLES.glob(f"*{suffix}")))
    return "\n".join(line.strip() for text in texts for line in text.splitlines())


SHOWN = [(language, block) for language in SUFFIXES for block in blocks_of(language)]


@pytest.mark.parametrize(("language", "block"), SHOWN)
def test_what_it_shows_stands_in_an_example(language: str, block: str) -> None:
    shown = "\n".join(line.strip() for line in textwrap.dedent(block).strip().splitlines())
    assert shown in source_of(SUFFIXES[language])


def test_it_shows_both_languages() -> None:
    assert {language for language, _ in SHOWN} == set(SUFFIXES)


def test_every_file_that_it_links_is_there() -> None:
    linked = re.findall(r"\]\(((?!https?:)[^)]+)\)", PAGE.read_text())
    assert [name for name in linked if not (PAGE.parent / name).is_file()] == []
    examples = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ts")]
    assert {path.name for path in examples} <= {name.rpartition("/")[2] for name in linked}


def test_its_commands_sign_what_a_receiver_verifies() -> None:
    secret = new_secret()
    (commands,) = blocks_of("bash")
    environment = {"PATH": os.defpath, "SECRET": secret, "WEBHOOK_KEYS": secret, "PORT": "0"}
    with subprocess.Popen(
        [NODE, EXAMPLES / "receiver-node.ts"], env=environment, stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout is not None
        environment["URL"] = receiver.stdout.readline().split()[-1]
        script = ["bash", "-euo", "pipefail", "-c", commands]
        good = subprocess.run(script, env=environment, capture_output=True, text=True, check=True)
        environment["SECRET"] = new_secret()
        bad = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
        printed = receiver.stdout.readline()
        receiver.terminate()
    assert good.stdout == "204\n"
    assert printed.endswith(": item.created\n")
    assert (bad.returncode, bad.stdout) == (22, "400\n")
