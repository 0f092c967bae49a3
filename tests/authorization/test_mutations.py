"""Each check is removed in turn, and the matrix notices: no cell holds by accident."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra_cdk.authorization import Caller, Kind, Permission, Verdict
from tests.authorization.filters import filters
from tests.authorization.guards import HARMLESS, MODULES, REMOVALS
from tests.authorization.requests import unversioned
from tests.authorization.routes import calls_of, contexts, dependant_of
from tests.authorization.world import CHANGED, SHOWN, World, all_permissions, applications

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

PSYCOPG = pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True)
GUARDED = [each for each in all_permissions() if each.kind is not Kind.ANYBODY]

OWNERS_FILTERS = [each for each in filters() if each.of_owner]
STRANGERS = {Kind.USERS: Caller.OTHER, Kind.PARTNERS: Caller.OTHER_KEY}
TAKEN = frozenset({Verdict.YES, CHANGED, SHOWN})
"""What a stranger gets who is kept from nothing: what is another's, and no other trouble."""

OF_NO_OWNER = {
    "GET /partner/usage",
    "GET /partner/webhooks/event-types",
    "GET /webapp/webhooks/event-types",
}
"""They read no row: the gateway is asked about the key that called, types are everybody's."""

KEPT_TO_OWNERS = [
    each
    for each in GUARDED
    if each.kind in STRANGERS
    and (each.owned or each.method != "POST")
    and unversioned(each) not in OF_NO_OWNER
]
"""What shows or changes things that are there. The rest makes a thing of the caller's."""

NESTED = [each for each in KEPT_TO_OWNERS if each.nested and each.kind is Kind.USERS]


def named(permission: Permission) -> str:
    return permission.name


def guarded_by(guard: Callable[..., Any]) -> list[Permission]:
    return [each for each in GUARDED if guard in calls_of(dependant_of(each))]


@contextmanager
def unguarded(guard: Callable[..., Any]) -> Iterator[None]:
    for app in applications().values():
        app.dependency_overrides[guard] = REMOVALS[guard].instead
    try:
        yield
    finally:
        for app in applications().values():
            app.dependency_overrides.clear()


async def deviates(world: World, permission: Permission, callers: Iterable[Caller]) -> bool:
    """Tell whether a caller gets anything but what the matrix says."""
    for caller in callers:
        try:
            outcome = await world.call(permission, caller)
        except Exception:  # noqa: BLE001  # whatever breaks is noticed
            return True
        if outcome.verdict != permission.verdict(caller):
            return True
    return False


class TestGuards:
    def test_every_guard_is_removed_once(self) -> None:
        """A dependency of these modules is a guard, or known to let everybody through."""
        called = {call for each in contexts() for call in calls_of(each.dependant)}
        ours = {call for call in called if getattr(call, "__module__", "") in MODULES}
        assert ours == REMOVALS.keys() | (HARMLESS & called)

    def test_every_operation_that_is_not_for_anybody_has_one(self) -> None:
        bare = [
            each.name for each in GUARDED if not set(calls_of(dependant_of(each))) & REMOVALS.keys()
        ]
        assert bare == []

    @PSYCOPG
    @pytest.mark.parametrize("guard", REMOVALS, ids=lambda guard: guard.__name__)
    async def test_without_it_each_operation_behind_it_lets_somebody_through(
        self, guard: Callable[..., Any], world: World
    ) -> None:
        behind, who = guarded_by(guard), REMOVALS[guard].who
        with unguarded(guard):
            unnoticed = [each.name for each in behind if not await deviates(world, each, [who])]
        assert behind
        assert unnoticed == []


class TestOwnership:
    """Each owner's condition is removed by itself in test_scenes; here all of them, from operation to operation."""

    @PSYCOPG
    @pytest.mark.parametrize("permission", KEPT_TO_OWNERS, ids=named)
    async def test_without_conditions_a_stranger_gets_at_what_is_another_s(
        self, permission: Permission, world: World
    ) -> None:
        stranger = STRANGERS[permission.kind]
        outcome = await world.call(permission, stranger, without=OWNERS_FILTERS)
        assert outcome.verdict in TAKEN
        assert outcome.verdict != permission.verdict(stranger)

    @PSYCOPG
    @pytest.mark.parametrize("permission", NESTED, ids=named)
    async def test_without_conditions_a_thing_of_one_s_own_leads_to_another_s(
        self, permission: Permission, world: World
    ) -> None:
        outcome = await world.call(permission, Caller.OTHER, mixed=True, without=OWNERS_FILTERS)
        assert outcome.verdict in TAKEN
