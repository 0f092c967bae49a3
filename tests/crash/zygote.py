"""`python -m tests.crash.zygote`: loads the functions once, then forks a process for each run.

A line of JSON on standard input is a run, a line on standard output what came of it. The process has one
thread while it forks: what is forked is as a fresh one, but for the seconds of its imports.
"""

import json
import os
import sys
import traceback
from typing import Any

from tests.crash.scenarios import prepare, run


def main() -> None:
    """Serve runs until standard input ends."""
    # What the functions log goes where errors go: the pipe is for answers alone.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    prepare()
    print(json.dumps({"ready": os.getpid()}), file=answers)
    for line in sys.stdin:
        print(json.dumps(fork(json.loads(line))), file=answers)


def fork(order: dict[str, Any]) -> dict[str, Any]:
    """Run an order in a process of its own; return how that ended, and what it said, if it could."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _obey(order, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return {"status": os.waitstatus_to_exitcode(status), "said": json.loads(said or b"null")}


def _obey(order: dict[str, Any], writer: int) -> None:
    try:
        said = run(order)
    except BaseException:  # noqa: BLE001  # a process that failed says why, then ends
        said = {"error": traceback.format_exc()}
    os.write(writer, json.dumps(said).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
