"""Each check is removed in turn, and the matrix notices: no cell holds by accident."""

import importlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra_cdk.authorization import Caller, Kind, Permission
from tests.authorization.filters import Filter, filters
from tests.authorization.guards import HARMLESS, MODULES, REMOVALS
from tests.authorization.routes import calls_of, contexts, dependant_of
from tests.authorization.world import World, all_permissions, applications

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1800)]

PSYCOPG = pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True)
GUARDED = [each for each in all_permissions() if each.kind is not Kind.ANYBODY]

WHO = {
    Kind.USERS: (Caller.OTHER, Caller.OWNER),
    Kind.OPERATORS: (Caller.OPERATOR,),
    Kind.PARTNERS: (Caller.OTHER_KEY, Caller.KEY),
}
"""Who notices that a filter is gone; the last one is let in."""

NOT_BY_A_CALLER = {
    "catalog.remove_items_of[0]",
    "catalog.remove_posts_of[0]",
    "federation.count_links[0]",
    "identity.forget_tokens[0]",
    "identity.remove[0]",
    "mfa.find_credential[0]",
    "mfa.methods_of[0]",
    "mfa.methods_of[1]",
    "mfa.methods_of[2]",
    "mfa.spend_recovery_code[0]",
    "mfa.spend_step[0]",
    "oauth.find_consent[0]",
    "partners.forget_partner[0]",
    "tasks.remove_of[0]",
    "tasks.unfinished_of[0]",
    "webhooks.remove_deliveries_of[0]",
    "webhooks.remove_endpoints_of[0]",
    "webhooks.remove_events_of[0]",
}
"""Filters of functions that no operation of the matrix calls: jobs, logins under way, and pages have them called.

Their own tests prove them: tests/functions/api/mfa and oauth by codes, passkeys and grants of others.
"""

UNSEEN = {
    "catalog.list_posts[0]",  # a filter that the caller asks for
    "identity.count_live_tokens[0]",  # with others' mails counted too, fewer are sent
    "identity.find_role[0]",  # which row comes first decides whether a cell changes
    "identity.find_with_hash[0]",  # likewise
    "mfa.count_factors[0]",  # counts
    "mfa.count_factors[1]",
    "mfa.count_recovery_codes[0]",
    "mfa.find_totp[0]",  # the operations behind it end before it matters
    "mfa.replace_recovery_codes[0]",
    "mfa.spend_challenge[0]",
    "oauth.remove_consent[0]",
    "partners.end_keys[0]",  # behind a partner that was found for its manager before
    "partners.hold_partner[0]",
    "partners.keys_at_the_gateway[0]",
    "webhooks._in_range[0]",  # others' events would be sent to one's own endpoint, which no answer tells
}
"""Filters whose loss no cell shows: tests of their own domains have to."""


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
    @PSYCOPG
    async def test_without_a_filter_somebody_gets_at_what_is_another_s(self, world: World) -> None:
        using = await operations_by_function(world)
        mattering = [each for each in filters() if using[each.function_of]]
        unused = {str(each) for each in filters()} - {str(each) for each in mattering}
        assert sorted(unused) == sorted(NOT_BY_A_CALLER)
        unnoticed = [
            each for each in mattering if not await noticed(world, each, using[each.function_of])
        ]
        assert {str(each) for each in unnoticed} <= UNSEEN


async def noticed(world: World, each: Filter, using: Iterable[Permission]) -> bool:
    with each.removed():
        for permission in using:
            if await deviates(world, permission, WHO[permission.kind]):
                return True
            if permission.owned and permission.kind is Kind.USERS:
                outcome = await world.call(permission, Caller.OTHER, mixed=True)
                if outcome.verdict != permission.mixed_verdict:
                    return True
    return False


async def operations_by_function(world: World) -> dict[tuple[str, str], list[Permission]]:
    """Tell which operations call a function of a repository for somebody who may call them."""
    using: dict[tuple[str, str], list[Permission]] = defaultdict(list)
    files = {importlib.import_module(each.module).__file__: each.module for each in filters()}
    now: list[Permission] = []

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call" and (module := files.get(frame.f_code.co_filename)):
            known = using[module, frame.f_code.co_name]
            if now and now[0] not in known:
                known.append(now[0])

    for permission in GUARDED:
        now[:] = [permission]
        sys.setprofile(note)
        try:
            await world.call(permission, WHO[permission.kind][-1])
        finally:
            sys.setprofile(None)
    return using
