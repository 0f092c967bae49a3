"""Another's rows make no difference to what an owner gets; without any one condition they do.

Every function of a repository that asks whose or which a thing is has a scene in `scenes/`. The matrix calls
whole operations, where of two conditions one mostly stops a stranger for the other.
"""

import pytest
from sqlalchemy.exc import IntegrityError, MultipleResultsFound

from tests.authorization.filters import (
    Filter,
    comparing_elsewhere,
    filters,
    not_asking,
    without,
)
from tests.authorization.stage import Outcome, Scene, all_scenes, outcomes, outcomes_alone

SCENES = all_scenes()

pytestmark = pytest.mark.anyio

LOOKING_FOR_NONE = {
    "audit.add",
    "federation.add_link",
    "mfa.put_confirmation",
    "mfa.put_totp",
    "oauth.save_consent",
    "oauth.spend_assertion",
    "tasks.add_row_errors",
    "tasks.hold_owner",
    "webhooks.add_delivery",
    "webhooks.add_trial",
    "webhooks.hold_place",
}
"""Functions that are told whose or which a row is to be. Those that hold something take a lock."""

PSYCOPG = pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True)


def test_every_function_that_keeps_to_one_has_a_scene() -> None:
    assert {each.function_of for each in filters()} == SCENES.keys()


def test_who_is_told_whose_a_thing_is_asks_for_it() -> None:
    """Else a condition that this does not know as one would be removed by no test."""
    assert not_asking() == LOOKING_FOR_NONE


def test_whose_a_thing_is_is_for_repositories_to_ask() -> None:
    assert comparing_elsewhere() == []


@PSYCOPG
@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.act.__name__)
async def test_another_s_rows_make_no_difference(scene: Scene, migrated_database_url: str) -> None:
    assert await outcomes(scene) == await outcomes_alone(scene)


@PSYCOPG
@pytest.mark.parametrize("each", filters(), ids=str)
async def test_without_the_condition_they_do(each: Filter, migrated_database_url: str) -> None:
    scene = SCENES[each.function_of]
    expected = await outcomes_alone(scene)
    with without([each]):
        assert await outcomes_if_any(scene) != expected


async def outcomes_if_any(scene: Scene) -> list[Outcome] | None:
    """Return what comes of a scene; None where it fails for there being two, which is noticed too."""
    try:
        return await outcomes(scene)
    except (IntegrityError, MultipleResultsFound):
        return None
