"""Everybody who may call an operation, with their things, and what calling it did."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from uuid import UUID, uuid4

import httpx
import psycopg
from fastapi import FastAPI

from infra_cdk.authorization import Caller, Kind, Permission, Verdict, permissions
from infra_cdk.local.gateway.routes import Routes
from infra_cdk.openapi import build_documents
from infra_cdk.registry import registry
from shared.adapters.database.sessions import unit_of_work
from shared.core.scopes import GRANTABLE_SCOPES, KEY_SCOPES
from shared.domains.identity.models import User
from shared.domains.identity.schemas import Role
from shared.domains.partners import api as partners
from shared.domains.partners.schemas import Partner
from tests.authorization import filters, requests, things
from tests.authorization.filters import Filter
from tests.database_fixtures import BlankDatabase
from tests.partner_fixtures import new_key, new_partner
from tests.web_fixtures import client_of, token_of

_REFUSALS = {401: Verdict.UNAUTHORIZED, 403: Verdict.FORBIDDEN, 404: Verdict.NOT_FOUND}

CHANGED = "what is the owner's was changed"
SHOWN = "what is the owner's was shown"
"""What an owner would mind."""

FOREIGN = frozenset({Caller.ANONYMOUS, Caller.OTHER, Caller.OPERATOR, Caller.OTHER_KEY})
"""Who has nothing of the owner's: what they call may neither show nor change it."""

_TELLING = frozenset({"GET", "PATCH"})
"""The methods whose answers are about something of the owner's."""

_SILENT = frozenset(
    {
        "/tasks/{task_id}/errors",
        "/partners/{partner_id}/keys",
        "/usage",
        "/webhooks/event-types",
        "/webhooks/{endpoint_id}/secrets",
        "/webhooks/{endpoint_id}/attempts",
        "/webhooks/{endpoint_id}/statistics",
    }
)
"""The ends of paths whose answers name nothing of it."""

_ROWS = """
SELECT format('SELECT %%L, row_to_json(t)::text FROM %%I t WHERE row_to_json(t)::text ~ %%L', tablename, tablename, %s::text)
FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


_TOLD = ('["outbox"', '["public_events"')
"""How the rows begin of what an owner is told: that somebody wrote about their item."""


@cache
def all_permissions() -> tuple[Permission, ...]:
    return permissions(build_documents()["openapi.json"])


@cache
def _routes() -> Routes:
    return Routes(registry())


@cache
def applications() -> Mapping[str, FastAPI]:
    """Every function behind the gateway that is a FastAPI application, by name."""
    import importlib

    found = {
        each.spec.name: importlib.import_module(f"{each.package}.handler").app
        for each in registry()
        if each.spec.http
    }
    return {name: app for name, app in found.items() if isinstance(app, FastAPI)}


def app_of(permission: Permission) -> FastAPI:
    """Return the application that the gateway sends an operation to."""
    route = _routes().find(permission.path.replace("{", "").replace("}", ""))
    assert route, permission.path
    return applications()[route.function]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a call came to, and what the owner would mind about it: nothing, one hopes."""

    status: int
    text: str
    reached: bool
    complaint: str = ""

    @property
    def verdict(self) -> str:
        """What the caller got, as the matrix says it; a failure by its status."""
        if self.complaint:
            return self.complaint
        if self.status < 400 or self.reached:
            return Verdict.YES
        return _REFUSALS.get(self.status, f"{self.status} {self.text}")


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Whose thing an operation is about, and another; a partner's `key` where it is for partners."""

    owner_id: UUID
    other_id: UUID
    partner: Partner | None = None
    key: str = ""


@dataclass
class World:
    """An owner with things of theirs, and others. Each call happens in it once."""

    database: BlankDatabase
    marks: set[str] = field(default_factory=set)
    """What stands in rows and answers that are about the owner."""

    async def call(
        self,
        permission: Permission,
        caller: Caller,
        *,
        mixed: bool = False,
        without: Collection[Filter] = (),
    ) -> Outcome:
        """Call an operation as somebody; about the owner's thing where its path names one.

        `mixed`, the path begins with a thing of the other's: what it names below that is the owner's.
        `without`, the repositories lack these conditions while it is called.
        """
        cast = await _cast_of(permission)
        self.marks = {str(cast.owner_id)}
        headers = await _headers_of(permission, caller, cast=cast)
        path = await self._path(permission, cast=cast, mixed=mixed)
        request = await requests.request_of(permission, owner_id=cast.owner_id)
        watching = permission.kind in {Kind.USERS, Kind.PARTNERS}
        if watching and (mixed or not permission.owned):
            await self._furnish(cast.owner_id)
        before = self._rows() if watching and caller in FOREIGN else []
        async with client_of(app_of(permission), **headers) as client:
            with filters.without(without):
                answer = await client.request(permission.method, path, **request)
        complaint = self._complaint(permission, caller, answer, before=before) if watching else ""
        return Outcome(
            status=answer.status_code,
            text=answer.text[:300],
            reached=_reached(permission, answer),
            complaint=complaint,
        )

    async def _path(self, permission: Permission, *, cast: Cast, mixed: bool) -> str:
        names = things.names_in(permission.path)
        for_operators = permission.kind is Kind.OPERATORS
        made = await things.make(names, cast.owner_id, for_operators=for_operators)
        self.marks.update(value for name, value in made.items() if name not in things.SHARED)
        if mixed:
            made |= await things.make(names[:1], cast.other_id)
        return permission.path.format(**made)

    async def _furnish(self, owner_id: UUID) -> None:
        """Give the owner one of each thing: no list may show them to others."""
        names = [name for name in things.MAKERS if name not in things.SHARED]
        self.marks.update((await things.make(names, owner_id)).values())
        await things.totp(owner_id)

    def _complaint(
        self, permission: Permission, caller: Caller, answer: httpx.Response, *, before: list[str]
    ) -> str:
        shown = any(mark in answer.text for mark in self.marks)
        if caller not in FOREIGN:
            telling = answer.status_code == HTTPStatus.OK and _tells(permission)
            return "" if shown or not telling else "what is the owner's was not shown to them"
        after = self._rows()
        told = {row for row in after if row.startswith(_TOLD)}
        # What others do may be told to the owner; what they were told before stays.
        if not set(before) <= set(after) or set(after) - set(before) - told:
            return CHANGED
        return SHOWN if shown and answer.is_success else ""

    def _rows(self) -> list[str]:
        """Return every row of every table that is about the owner."""
        pattern = "|".join(sorted(self.marks))
        dsn = self.database.dsn()
        with psycopg.connect(dsn, autocommit=True) as connection:
            selects = [row[0] for row in connection.execute(_ROWS, [pattern])]
            rows = connection.execute(" UNION ALL ".join(selects).encode())
            return sorted(json.dumps(row) for row in rows)


def _reached(permission: Permission, answer: httpx.Response) -> bool:
    expected = requests.REACHED.get(requests.unversioned(permission))
    return expected is not None and answer.is_error and answer.json()["code"] == expected


def _tells(permission: Permission) -> bool:
    return permission.method in _TELLING and not permission.path.endswith(tuple(_SILENT))


async def _cast_of(permission: Permission) -> Cast:
    owner_id, other_id = uuid4(), uuid4()
    # The owner first: who asks not whose a row is likely comes upon theirs.
    for each in (owner_id, other_id):
        await token_of(each)
    if permission.kind is Kind.PARTNERS:
        partner = await new_partner(f"Lantern Works {other_id}")
        key = (await new_key(partner, str(permission.scope))).key
        holder = await partners.authenticate(key, address="192.0.2.1")
        return Cast(owner_id=holder.account_id, other_id=other_id, partner=partner, key=key)
    return Cast(owner_id=owner_id, other_id=other_id)


async def _headers_of(permission: Permission, caller: Caller, *, cast: Cast) -> dict[str, str]:
    match caller:
        case Caller.ANONYMOUS:
            return {}
        case Caller.KEY | Caller.UNGRANTED_KEY | Caller.OTHER_KEY:
            return {"x-api-key": await _key_of(permission, caller, cast=cast)}
        case Caller.OTHER:
            return _bearing(await token_of(cast.other_id))
        case Caller.OPERATOR:
            return _bearing(await token_of(await _operator()))
        case Caller.OWNER:
            return _bearing(await token_of(cast.owner_id))
        case Caller.GRANTED | Caller.UNGRANTED:
            whose = await _operator() if permission.kind is Kind.OPERATORS else cast.owner_id
            return _bearing(await _granted(permission, caller, user_id=whose))


async def _key_of(permission: Permission, caller: Caller, *, cast: Cast) -> str:
    if cast.partner is None or caller is Caller.OTHER_KEY:
        return (await new_key(await new_partner(f"Bell Works {uuid4()}"))).key
    if caller is Caller.KEY:
        return cast.key
    others = KEY_SCOPES.difference([permission.scope] if permission.scope else [])
    return (await new_key(cast.partner, *map(str, others))).key


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _operator() -> UUID:
    """Make an operator."""
    operator_id = uuid4()
    await token_of(operator_id)
    async with unit_of_work() as session:
        user = await session.get_one(User, operator_id)
        user.role = Role.OPERATOR
    return operator_id


async def _granted(permission: Permission, caller: Caller, *, user_id: UUID) -> str:
    needed = GRANTABLE_SCOPES.intersection([permission.scope] if permission.scope else [])
    others = GRANTABLE_SCOPES - needed
    scopes = others if caller is Caller.UNGRANTED else needed or GRANTABLE_SCOPES
    return await token_of(user_id, scopes=scopes, client_id="third-party")
