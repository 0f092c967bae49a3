"""smoke"""

import pytest
from tests.webhook_fixtures import Caller

pytestmark = pytest.mark.anyio


async def test_x(user: Caller) -> None:
    made = await user.create()
    got = await user.get(made["id"])
    assert got.status_code == 200, got.text
    print(made)
    listed = await user.get()
    assert listed.json()["items"] == [got.json()]
