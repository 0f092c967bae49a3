"""A keyed digest is found again by the same text, purpose and secret, and by nothing else."""

import pytest

from shared.adapters import digests

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def secret(signing_secret: None) -> None:
    """The vault's secret."""


async def test_it_depends_on_text_purpose_and_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await digests.keyed_hash("otter", purpose="a")
    assert await digests.keyed_hash(b"otter", purpose="a") == first
    assert await digests.keyed_hash("stoat", purpose="a") != first
    assert await digests.keyed_hash("otter", purpose="b") != first
    monkeypatch.setattr("shared.adapters.secrets.read_secret", lambda _: "w" * 64)
    digests.forget_keys()
    assert await digests.keyed_hash("otter", purpose="a") != first
