"""What can start a function. Each trigger's constructor refuses what AWS would refuse."""

import re
from dataclasses import dataclass

_RESERVED = frozenset({"/ping", "/sping"})
"""Paths that API Gateway answers by itself: "Important notes" of its documentation, REST APIs."""

_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+(/\{proxy\+\})?|/\{proxy\+\}")


@dataclass(frozen=True)
class Http:
    """A resource of the REST API, any method: `/health`, or all below a path: `/v1/webapp/{proxy+}`.

    `path` is a resource path in API Gateway's own syntax. Routes below it stay declared in FastAPI.
    Source: AWS, "Set up a proxy integration with a proxy resource".
    """

    path: str

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"{self.path!r} is not a REST API path, with an optional /{{proxy+}}")
        if self.path in _RESERVED:
            raise ValueError(f"{self.path!r} is a path that API Gateway keeps for itself")

    @property
    def prefix(self) -> str | None:
        """The path before `/{proxy+}`, or None where the trigger is one exact path."""
        return self.path.removesuffix("/{proxy+}") if self.path.endswith("/{proxy+}") else None


@dataclass(frozen=True)
class Invoke:
    """Direct invocations only; with `on_deploy`, one of them on every deployment."""

    on_deploy: bool = False


type Trigger = Http | Invoke
