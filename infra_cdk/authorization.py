"""Who may call what, as OpenAPI declares it: the matrix of docs/authorization.md, and what tests assert.

The security requirements and the declared problems of an operation say all of it: OpenAPI is built from
the routes' signatures, which are their permissions.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra_cdk.registry import ROOT
from shared.core.scopes import GRANTABLE_SCOPES, Scope

PAGE = ROOT / "docs" / "authorization.md"

NOBODYS = frozenset({"queue", "provider"})
"""The parameters of paths that name nothing of a user's or a partner's."""

_METHODS = ("get", "post", "put", "patch", "delete")
_OPERATORS_ONLY = "operators_only"
_INTRODUCTION = """\
# Who may call what

`make openapi` writes this page from the signatures of the routes; `tests/authorization` calls every operation as every
caller, asserts each cell, and removes each guard in turn to see a cell change.

| sign | what the caller gets |
|---|---|
| yes | an answer; where the operation is about a user's or partner's own things: theirs, never another's |
| 401 | no valid access token or API key of the kind that it needs |
| 403 | the scope or the role is missing |
| 404 | the thing is another's: as if there were none |

*Owner*: the user whose thing it is, logged in. *Other*: another user, logged in. *Granted*, *ungranted*: a third party with an
access token of the owner's (on operators' routes an operator's) with the scope that the operation needs and with all others that can be granted.
*Key*, *ungranted key*: API keys of the partner whose thing it is, with the scope and with all others. *Other key*: one of another partner.
"""


class Kind(StrEnum):
    """Whom an operation is for."""

    ANYBODY = "anybody"
    USERS = "users"
    OPERATORS = "operators"
    PARTNERS = "partners"


class Caller(StrEnum):
    """Who may come: the columns of the matrix."""

    ANONYMOUS = "anonymous"
    OWNER = "owner"
    OTHER = "other"
    GRANTED = "granted"
    UNGRANTED = "ungranted"
    OPERATOR = "operator"
    KEY = "key"
    UNGRANTED_KEY = "ungranted key"
    OTHER_KEY = "other key"


KEYS = frozenset({Caller.KEY, Caller.UNGRANTED_KEY, Caller.OTHER_KEY})
"""The callers with a partner's API key; all others have an access token, or nothing."""


class Verdict(StrEnum):
    """What a caller gets: the cells of the matrix."""

    YES = "yes"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What an operation asks of its caller.

    `owned` where its path names a thing of the caller's own, `nested` where it names one below another.
    """

    method: str
    path: str
    kind: Kind
    scope: Scope | None
    owned: bool
    nested: bool = False

    @property
    def mixed_verdict(self) -> Verdict:
        """What somebody gets who names a thing of their own, and another's below it, if the path has one."""
        return Verdict.NOT_FOUND if self.nested else Verdict.YES

    @property
    def name(self) -> str:
        """The operation, as a reader knows it: `GET /v2/webapp/items`."""
        return f"{self.method} {self.path}"

    def verdict(self, caller: Caller) -> Verdict:
        """Return what a caller gets."""
        match self.kind:
            case Kind.ANYBODY:
                return Verdict.YES
            case Kind.USERS:
                return self._of_user(caller)
            case Kind.OPERATORS:
                return _of_operator(caller)
            case Kind.PARTNERS:
                return self._of_partner(caller)

    def _of_user(self, caller: Caller) -> Verdict:
        if caller is Caller.ANONYMOUS or caller in KEYS:
            return Verdict.UNAUTHORIZED
        if caller in {Caller.OTHER, Caller.OPERATOR}:
            return self._of_stranger
        grantable = self.scope in GRANTABLE_SCOPES
        if caller is Caller.OWNER or (caller is Caller.GRANTED and grantable):
            return Verdict.YES
        return Verdict.FORBIDDEN

    def _of_partner(self, caller: Caller) -> Verdict:
        match caller:
            case Caller.KEY:
                return Verdict.YES
            case Caller.UNGRANTED_KEY:
                return Verdict.FORBIDDEN
            case Caller.OTHER_KEY:
                return self._of_stranger
            case _:
                return Verdict.UNAUTHORIZED

    @property
    def _of_stranger(self) -> Verdict:
        return Verdict.NOT_FOUND if self.owned else Verdict.YES


def _of_operator(caller: Caller) -> Verdict:
    if caller is Caller.ANONYMOUS or caller in KEYS:
        return Verdict.UNAUTHORIZED
    return Verdict.YES if caller is Caller.OPERATOR else Verdict.FORBIDDEN


def permissions(whole: Mapping[str, Any]) -> tuple[Permission, ...]:
    """Return what each operation of an OpenAPI document asks of its caller.

    Raises ValueError for an operation whose security requirement is none that is known here.
    """
    return tuple(
        _permission(method.upper(), path, item[method])
        for path, item in whole["paths"].items()
        for method in _METHODS
        if method in item
    )


def _permission(method: str, path: str, operation: Mapping[str, Any]) -> Permission:
    kind, scope = _asked(operation.get("security", []), name=f"{method} {path}")
    if kind is Kind.USERS and _OPERATORS_ONLY in _codes(operation):
        kind = Kind.OPERATORS
    named = set(re.findall(r"\{(\w+)\}", path)) - NOBODYS
    owned = kind in {Kind.USERS, Kind.PARTNERS} and bool(named)
    return Permission(
        method=method, path=path, kind=kind, scope=scope, owned=owned, nested=len(named) > 1
    )


def _asked(security: list[dict[str, list[str]]], *, name: str) -> tuple[Kind, Scope | None]:
    match security:
        case []:
            return Kind.ANYBODY, None
        case [*_, last] if not last:
            return Kind.ANYBODY, None
        case [{"login": [scope]}]:
            return Kind.USERS, Scope(scope)
        case [{"api_key": [scope]}]:
            return Kind.PARTNERS, Scope(scope)
        case _:
            raise ValueError(f"{name}: security {security} is neither one scope nor nothing")


def _codes(operation: Mapping[str, Any]) -> Iterator[str]:
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            yield from content.get("examples", ())


def render(whole: Mapping[str, Any]) -> str:
    """Return the page: a row for each operation, a column for each caller."""
    head = ["operation", "scope", *Caller]
    rows = [_row(each) for each in permissions(whole) if each.kind is not Kind.ANYBODY]
    opened = [f"- `{each.name}`" for each in permissions(whole) if each.kind is Kind.ANYBODY]
    return "\n".join(
        [
            _INTRODUCTION,
            _line(head),
            _line("---" for _ in head),
            *rows,
            "",
            "For anybody, with or without a token; some take a password, a code or a client's own credentials instead:",
            "",
            *opened,
            "",
        ]
    )


def _row(permission: Permission) -> str:
    cells = [permission.verdict(caller) for caller in Caller]
    return _line([f"`{permission.name}`", permission.scope or "", *cells])


def _line(cells: Iterator[str] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
