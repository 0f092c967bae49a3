"""Another's rows make no difference to what an owner gets; without any one condition they do."""

import pytest

from tests.authorization.filters import (
    Filter,
    comparing_elsewhere,
    filters,
    not_asking,
    without,
)
from tests.authorization.scenes import SCENES
from tests.authorization.stage import Scene, outcomes, outcomes_alone

pytestmark = pytest.mark.anyio

TOLD_TO_WRITE = {
    "federation.add_link",
    "identity.save",
    "mfa.put_totp",
    "oauth.save_consent",
    "tasks.hold_owner",
}
"""Functions that are told whose a row is to be: they look for none. The last holds a lock."""

PSYCOPG = pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True)


def test_every_function_that_keeps_to_an_owner_has_a_scene() -> None:
    assert {each.function_of for each in filters()} == SCENES.keys()


def test_who_is_told_whose_a_thing_is_asks_for_it() -> None:
    """Else a condition that this does not know as one would be removed by no test."""
    assert not_asking() == TOLD_TO_WRITE


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
        assert await outcomes(scene) != expected
