"""`python -m infra_cdk.openapi [--check]`: the OpenAPI 3.1 documents, built from the HTTP functions, and who may call what.

`openapi.json` is all of it, `v1.json` and `v2.json` are the parts below `/v1/` and `/v2/`; what webhooks
deliver is in each. They are committed, so that a review sees what a change does to the API, and the
docs function serves them as they are; `infra_cdk.authorization` makes a page of them, and
`infra_cdk.webhook_documents` one of the webhooks. Source: OpenAPI 3.1.1.
"""

import argparse
import importlib
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from infra_cdk import authorization, webhook_documents
from infra_cdk.registry import ROOT, registry
from shared.domains.webhooks import api as webhooks
from shared.web.openapi import document_of

type Document = dict[str, Any]

DOCUMENTS = ROOT / "functions" / "api" / "docs" / "openapi"
VERSIONS = ("v1", "v2")

TAGS = {
    "users": "Registration, and your own user.",
    "sessions": "Logging in and out, tokens, and where you are logged in.",
    "external login": "Signing in by outside providers, and the links to them that you have.",
    "second factors": "What you log in with besides a password: authenticator application, passkeys.",
    "items": "What users offer. Version 1 knows their names only.",
    "posts": "What users write about items.",
    "tasks": "Long work: imports, exports, the end of an account. It is queued, and tells how it goes.",
    "oauth": "For third parties (OAuth 2.1): your clients, what you granted those of others, and tokens.",
    "keys": "The public keys that verify access tokens.",
    "queues": "For operators: what waits in the queues, and what was given up: to be sent again or not.",
    "partner": "For partners, with an API key: their items, and what is left of their quota.",
    "partners": "Partners and their API keys: for operators all of them, for a user those whose admin they are.",
    "webhooks": "What happens, told to your own server: where to, how it went, and the messages themselves.",
    "audit": "For operators: who did what to what, when and why.",
    "health": "Whether the service runs, and whether what it depends on answers.",
}
"""The groups of operations, in the order in which a reader meets them."""

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_DESCRIPTION = """\
A serverless API backend. Every error is a problem document (RFC 9457), lists are paged by cursor,
and every answer carries an `X-Request-ID`. To try a route here, choose Authorize and log in.
"""


def build_documents() -> dict[str, Document]:
    """Return the documents by file name.

    Raises ValueError where two functions describe one path, name or operation id differently.
    """
    told = webhook_documents.document_of(webhooks.event_types())
    whole = merge([*(document_of(app) for app in _apps()), told])
    return {"openapi.json": whole} | {
        f"{version}.json": select(whole, prefix=f"/{version}/") for version in VERSIONS
    }


def _apps() -> Iterator[FastAPI]:
    for each in registry():
        if each.spec.http:
            app = importlib.import_module(f"{each.package}.handler").app
            if isinstance(app, FastAPI):
                yield app


def merge(documents: Iterable[Document]) -> Document:
    """Return one document with the paths, webhooks and components of all, the newest version first.

    Raises ValueError where two of them describe one thing differently or share an operation id,
    or an operation has a tag that `TAGS` does not know.
    """
    paths: dict[str, Any] = {}
    told: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    for document in documents:
        _unite(paths, document.get("paths", {}))
        _unite(told, document.get("webhooks", {}))
        for section, named in document.get("components", {}).items():
            _unite(components.setdefault(section, {}), named)
    _refuse_shared_ids(paths | told)
    for operation in operations(paths):
        operation["responses"] = dict(sorted(operation["responses"].items()))
    return {
        "openapi": "3.1.0",
        "info": _info(),
        # Relative to the document, as it also stands behind the prefix of a stage.
        "servers": [{"url": "."}],
        "paths": {path: paths[path] for path in sorted(paths, key=_newest_first)},
        "webhooks": told,
        "components": _used_of(components, paths=paths | told),
        "tags": _tags(paths | told),
    }


def select(whole: Document, *, prefix: str) -> Document:
    """Return the part of `whole` below `prefix`: its paths, the webhooks, and what these refer to."""
    paths = {path: item for path, item in whole["paths"].items() if path.startswith(prefix)}
    used = paths | whole["webhooks"]
    return whole | {
        "servers": [{"url": ".."}],
        "paths": paths,
        "components": _used_of(whole["components"], paths=used),
        "tags": _tags(used),
    }


def operations(paths: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Iterate over the operations of a document's `paths`, or of its `webhooks`."""
    for item in paths.values():
        yield from (item[method] for method in _METHODS if method in item)


def _newest_first(path: str) -> tuple[int, str]:
    version = re.match(r"/v(\d+)/", path)
    return (-int(version[1]) if version else 0), path


def _unite(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for name, value in source.items():
        if target.setdefault(name, value) != value:
            raise ValueError(f"two functions describe {name!r} differently")


def _refuse_shared_ids(paths: Mapping[str, Any]) -> None:
    counts = Counter(operation["operationId"] for operation in operations(paths))
    shared = sorted(name for name, count in counts.items() if count > 1)
    if shared:
        raise ValueError(f"several operations have the operationId {', '.join(shared)}")


def _tags(paths: Mapping[str, Any]) -> list[dict[str, str]]:
    used = {tag for operation in operations(paths) for tag in operation.get("tags", ())}
    if unknown := sorted(used - TAGS.keys()):
        raise ValueError(f"describe the tags {', '.join(unknown)} in infra_cdk.openapi.TAGS")
    return [{"name": name, "description": TAGS[name]} for name in TAGS if name in used]


def _info() -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "title": "Switchyard API",
        "version": project["version"],
        "description": _DESCRIPTION,
        "license": {"name": "MIT", "identifier": "MIT"},
    }


def _used_of(
    components: Mapping[str, Mapping[str, Any]], *, paths: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the components that `paths` refers to, in alphabetical order."""
    kept: dict[str, Any] = {}
    for section, name in sorted(_used(paths, components=components)):
        kept.setdefault(section, {})[name] = components[section][name]
    return kept


def _used(
    paths: Mapping[str, Any], *, components: Mapping[str, Mapping[str, Any]]
) -> set[tuple[str, str]]:
    """Name the components, as section and name, that `paths` refers to, by others too."""
    used = {
        ("securitySchemes", scheme)
        for operation in operations(paths)
        for requirement in operation.get("security", ())
        for scheme in requirement
    }
    waiting: list[Any] = [paths]
    while waiting:
        for section, name in _references(waiting.pop()):
            if (section, name) not in used:
                used.add((section, name))
                waiting.append(components[section][name])
    return used


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """Iterate over the components named below `node`; a discriminator's names them as strings."""
    if isinstance(node, str) and node.startswith("#/components/"):
        section, _, name = node.removeprefix("#/components/").partition("/")
        yield section, name
    elif isinstance(node, dict):
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def render(document: Document) -> str:
    """Return the text of the committed file: indented, so that a change shows as its lines."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def files_of(documents: Mapping[str, Document]) -> dict[Path, str]:
    """Return the texts of the committed files."""
    texts = {DOCUMENTS / name: render(document) for name, document in documents.items()}
    return texts | {
        authorization.PAGE: authorization.render(documents["openapi.json"]),
        webhook_documents.PAGE: webhook_documents.render(webhooks.event_types()),
    }


def find_outdated(files: Mapping[Path, str]) -> list[Path]:
    """Return the files that are not there or have another text."""
    return [path for path, text in files.items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` compare the committed ones; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(arguments).check
    files = files_of(build_documents())
    outdated = find_outdated(files)
    for path in outdated:
        if check:
            name = path.relative_to(Path.cwd(), walk_up=True)
            print(f"{name} is out of date: run `make openapi` and commit it", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[path])
    return 1 if check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
