"""Every operation, called by everybody: each cell of docs/authorization.md holds."""

import pytest
from fastapi.dependencies.models import Dependant

from infra_cdk.authorization import Caller, Kind, Permission
from shared.web import idempotency
from tests.authorization import requests, things
from tests.authorization.guards import REMOVALS
from tests.authorization.routes import contexts
from tests.authorization.world import World, all_permissions

pytestmark = pytest.mark.anyio

PSYCOPG = pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True)
GUARDED = [each for each in all_permissions() if each.kind is not Kind.ANYBODY]
OWNED = [each for each in GUARDED if each.owned and each.kind is Kind.USERS]
HIDDEN = {
    "GET /oauth/authorize",
    "GET /oauth/style.css",
    "POST /oauth/authorize",
    "POST /oauth/code",
    "POST /oauth/consent",
    "POST /oauth/login",
    "POST /oauth/logout",
}
"""Pages for people, who log in on them by a cookie: tests/functions/api/oauth proves who sees what."""
OPEN = [each for each in all_permissions() if each.kind is Kind.ANYBODY]


def named(permission: Permission) -> str:
    return permission.name


@PSYCOPG
@pytest.mark.parametrize("permission", GUARDED, ids=named)
async def test_each_caller_gets_what_the_matrix_says(permission: Permission, world: World) -> None:
    expected = {caller: permission.verdict(caller) for caller in Caller}
    assert {caller: (await world.call(permission, caller)).verdict for caller in Caller} == expected


@PSYCOPG
@pytest.mark.parametrize("permission", OWNED, ids=named)
async def test_below_a_thing_of_one_s_own_is_nothing_of_another_s(
    permission: Permission, world: World
) -> None:
    outcome = await world.call(permission, Caller.OTHER, mixed=True)
    assert outcome.verdict == permission.mixed_verdict


@PSYCOPG
@pytest.mark.parametrize("permission", OPEN, ids=named)
async def test_what_is_for_anybody_asks_for_no_token(permission: Permission, world: World) -> None:
    """It may still want a password, a code or a client's credentials: those of the request itself."""
    answers = {(await world.call(permission, caller)).status for caller in Caller}
    assert len(answers) == 1
    assert answers.isdisjoint({403, 405})


def test_every_operation_has_what_its_path_names() -> None:
    named = {name for each in all_permissions() for name in things.names_in(each.path)}
    assert named == set(things.MAKERS)


def test_every_request_is_one_of_an_operation() -> None:
    assert set(requests.BODIES) <= {requests.unversioned(each) for each in all_permissions()}


def test_no_route_is_hidden_from_the_matrix() -> None:
    """What OpenAPI leaves out, nothing proves: it stands here with its reason."""
    known = {each.name for each in all_permissions()}
    served = {f"{method} {each.path}" for each in contexts() for method in each.methods or ()}
    assert served - known == HIDDEN


def test_who_calls_is_asked_before_an_idempotency_key_is_taken() -> None:
    """Else a key of somebody who may not call would be recorded, and an answer be given again."""
    late = [each.path for each in contexts() if not _guard_first(each.dependant)]
    assert late == []


def _guard_first(dependant: Dependant) -> bool:
    calls = [each.call for each in dependant.dependencies]
    guards = [calls.index(call) for call in calls if call in REMOVALS]
    keys = [calls.index(c) for c in calls if getattr(c, "__module__", "") == idempotency.__name__]
    return not (guards and keys) or guards[0] < keys[0]
