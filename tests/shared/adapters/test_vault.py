"""What the vault seals is read by nobody without its secret, and for no other purpose."""

import pytest

from shared.adapters import digests, vault

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def secret(signing_secret: None) -> None:
    """The vault's secret."""


async def other_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.adapters.secrets.read_secret", lambda _: "w" * 64)
    digests.forget_keys()


class TestSeal:
    async def test_it_opens_for_its_purpose(self) -> None:
        sealed = await vault.seal("otter", purpose="a")
        assert "otter" not in sealed
        assert await vault.unseal(sealed, purpose="a") == "otter"

    async def test_one_text_is_sealed_differently_each_time(self) -> None:
        assert await vault.seal("otter", purpose="a") != await vault.seal("otter", purpose="a")

    async def test_it_opens_for_no_other_purpose(self) -> None:
        sealed = await vault.seal("otter", purpose="a")
        with pytest.raises(vault.SealBrokenError):
            await vault.unseal(sealed, purpose="b")

    async def test_it_opens_with_no_other_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sealed = await vault.seal("otter", purpose="a")
        await other_secret(monkeypatch)
        with pytest.raises(vault.SealBrokenError):
            await vault.unseal(sealed, purpose="a")

    @pytest.mark.parametrize("change", ["", "AAAA", "not base64!", "é"])
    async def test_what_was_not_sealed_here_does_not_open(self, change: str) -> None:
        with pytest.raises(vault.SealBrokenError):
            await vault.unseal(change, purpose="a")

    async def test_a_changed_character_breaks_it(self) -> None:
        sealed = await vault.seal("otter", purpose="a")
        changed = ("A" if sealed[20] != "A" else "B").join((sealed[:20], sealed[21:]))
        with pytest.raises(vault.SealBrokenError):
            await vault.unseal(changed, purpose="a")
