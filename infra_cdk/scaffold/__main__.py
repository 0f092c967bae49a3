"""`python -m infra_cdk.scaffold job|task NAME`: a working skeleton with its tests."""

import sys

from infra_cdk.scaffold.names import ScaffoldError, checked_name
from infra_cdk.scaffold.skeleton import Kind, rendered, write

_NEXT = {
    Kind.JOB: "It works as it is: `make test`, and `make job NAME={kebab}` beside a running `make dev`.",
    Kind.TASK: "It works as it is: `make test`; a service asks for it by `{name}.api.request(session, ...)`.",
}


def main(arguments: list[str]) -> None:
    """Write a skeleton, and say what was written."""
    match arguments:
        case [kind, given] if kind in Kind and given:
            make(Kind(kind), given=given)
        case _:
            raise SystemExit(
                "usage: make new-job NAME=prune_carts, make new-task NAME=resize_photos"
            )


def make(kind: Kind, *, given: str) -> None:
    """Write the skeleton of a kind. Exits with 1 and one line where that cannot be."""
    try:
        name = checked_name(given)
        texts = rendered(kind, name=name)
        write(texts)
    except ScaffoldError as error:
        raise SystemExit(str(error)) from error
    for path in texts:
        print(f"wrote {path}")
    print(_NEXT[kind].format(name=name.snake, kebab=name.kebab))


if __name__ == "__main__":
    main(sys.argv[1:])
