from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.bucket import Bucket
from tests.web_fixtures import SignUp

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True),
]

UPLOADS = "/v2/webapp/uploads"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket().install(monkeypatch)


class TestBegin:
    async def test_it_tells_where_to_put_a_file_of_this_size(self, sign_up: SignUp) -> None:
        member = await sign_up()
        before = datetime.now(UTC)
        answer = await member.client.post(UPLOADS, json={"size_bytes": 1234})
        upload = answer.json()
        key = f"uploads/{member.id}/{upload['upload_id']}"
        assert answer.status_code == 200
        assert upload["url"] == f"https://files.example.com/{key}?1234&text/csv&900"
        assert upload["headers"] == {"Content-Length": "1234", "Content-Type": "text/csv"}
        lasts = datetime.fromisoformat(upload["expires_at"]) - before
        assert timedelta(minutes=15) <= lasts < timedelta(minutes=16)

    async def test_each_is_another_place(self, sign_up: SignUp) -> None:
        member = await sign_up()
        both = [await member.client.post(UPLOADS, json={"size_bytes": 1}) for _ in range(2)]
        assert len({each.json()["upload_id"] for each in both}) == 2

    @pytest.mark.parametrize(
        "request_",
        [
            {},
            {"size_bytes": 0},
            {"size_bytes": 256 * MIB + 1},
            {"size_bytes": 1, "content_type": "text/csv\r\nX-Evil: 1"},
            {"size_bytes": 1, "content_type": ""},
            {"size_bytes": 1, "key": "uploads/x"},
        ],
    )
    async def test_what_makes_no_sense_is_422(self, sign_up: SignUp, request_: Any) -> None:
        answer = await (await sign_up()).client.post(UPLOADS, json=request_)
        assert answer.status_code == 422

    async def test_the_largest_is_256_mib(self, sign_up: SignUp) -> None:
        member = await sign_up()
        answer = await member.client.post(UPLOADS, json={"size_bytes": 256 * MIB})
        assert answer.status_code == 200

    async def test_without_a_user_it_is_401(self, webapp: httpx.AsyncClient) -> None:
        assert (await webapp.post(UPLOADS, json={"size_bytes": 1})).status_code == 401
