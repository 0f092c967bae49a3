"""The program of a worker: AWS's runtime client, which here also tells what files were loaded.

Everything comes from the environment that Lambda defines: the handler, the root, the Runtime API.
"""

import http.client
import os
import sys
from typing import Any

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

_ROOT = os.path.realpath(os.environ["LAMBDA_TASK_ROOT"]) + os.sep
_opened: set[str] = set()


class _Client(LambdaRuntimeClient):  # type: ignore[misc]  # the library is untyped
    """The runtime client, reporting the files loaded so far whenever there are more of them."""

    reported = 0

    def wait_next_invocation(self) -> Any:
        self._report()
        return super().wait_next_invocation()

    def post_init_error(self, *arguments: Any, **named: Any) -> None:
        self._report()
        super().post_init_error(*arguments, **named)

    def _report(self) -> None:
        if (size := len(sys.modules) + len(_opened)) == self.reported:
            return
        self.reported = size
        connection = http.client.HTTPConnection(self.lambda_runtime_address)
        connection.request("POST", "/local/files", "\n".join(_loaded_files()))
        connection.getresponse().read()
        connection.close()


def _loaded_files() -> set[str]:
    modules = list(sys.modules.values())
    sources = {os.path.realpath(file) for m in modules if (file := getattr(m, "__file__", None))}
    return {file for file in sources | _opened if _is_of_root(file)}


def _is_of_root(file: str) -> bool:
    # The virtual environment and the local state lie in the checkout too, in dot folders.
    return file.startswith(_ROOT) and f"{os.sep}." not in file.removeprefix(_ROOT[:-1])


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    """Note data files that are read: templates and documents count as code does."""
    if event != "open" or not isinstance(arguments[0], str):
        return
    writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    # The root is also the working directory.
    file = arguments[0] if arguments[0].startswith(os.sep) else _ROOT + arguments[0]
    if not writes and _is_of_root(file):
        _opened.add(file)


if __name__ == "__main__":
    sys.path.insert(0, _ROOT.rstrip(os.sep))
    sys.addaudithook(_note_opened)
    bootstrap.run(os.environ["_HANDLER"], _Client(os.environ["AWS_LAMBDA_RUNTIME_API"]))
