"""Another's rows make no difference to what an owner gets; without any one condition they do."""

import pytest

from tests.authorization.filters import Filter, filters
from tests.authorization.scenes import SCENES
from tests.authorization.stage import Scene, outcomes, outcomes_alone

pytestmark = pytest.mark.anyio

PSYCOPG = pytest.mark.parametrize("migrated_database_url", ["psycopg"], indirect=True)


def test_every_function_that_keeps_to_an_owner_has_a_scene() -> None:
    assert {each.function_of for each in filters()} == SCENES.keys()


@PSYCOPG
@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.act.__name__)
async def test_another_s_rows_make_no_difference(scene: Scene, migrated_database_url: str) -> None:
    assert await outcomes(scene) == await outcomes_alone(scene)


@PSYCOPG
@pytest.mark.parametrize("each", filters(), ids=str)
async def test_without_the_condition_they_do(each: Filter, migrated_database_url: str) -> None:
    scene = SCENES[each.function_of]
    expected = await outcomes_alone(scene)
    with each.removed():
        assert await outcomes(scene) != expected
