"""A key is known by its form, and whatever is not exactly one is refused without asking anybody."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.api_keys import (
    ALPHABET,
    CHECK_CHARACTERS,
    hint_of,
    is_well_formed,
    new_key,
    prefix_of,
)

MARKS = st.sampled_from(["live", "staging", "local"])
KNOWN = "swy_live_000000000000000000000000000000"


@given(mark=MARKS)
def test_a_new_key_is_well_formed_in_its_environment_only(mark: str) -> None:
    key = new_key(mark)
    assert key.startswith(f"swy_{mark}_")
    assert len(key) == len(f"swy_{mark}_") + 36
    assert set(key[len(prefix_of(mark)) :]) <= set(ALPHABET)
    others = {"live", "staging", "local"} - {mark}
    assert [is_well_formed(key, mark=each) for each in (mark, *others)] == [True, False, False]


def test_no_two_keys_are_alike() -> None:
    assert len({new_key("live") for _ in range(2000)}) == 2000


def test_the_check_is_crc32_in_base62() -> None:
    """Worked out by hand, so that another program can make the same check."""
    from zlib import crc32

    number = crc32(KNOWN.encode())
    digits = ""
    for power in range(CHECK_CHARACTERS - 1, -1, -1):
        digits += ALPHABET[number // 62**power % 62]
    assert is_well_formed(KNOWN + digits, mark="live")


@given(mark=MARKS, place=st.integers(0, 44), letter=st.sampled_from(ALPHABET + "_-. \n\u00e9"))
def test_a_key_with_another_character_is_none(mark: str, place: int, letter: str) -> None:
    key = new_key(mark)
    place %= len(key)
    changed = key[:place] + letter + key[place + 1 :]
    assert is_well_formed(changed, mark=mark) is (changed == key)


@given(mark=MARKS, cut=st.integers(0, 44))
def test_a_key_that_was_cut_is_none(mark: str, cut: int) -> None:
    key = new_key(mark)
    assert not is_well_formed(key[: cut % len(key)], mark=mark)


@given(text=st.text(max_size=60))
def test_any_other_text_is_none(text: str) -> None:
    assert not is_well_formed(text, mark="live")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key + key,
        lambda key: f"{key}, {key}",
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key * 100_000,
        lambda key: key.lower(),
        lambda key: key[:-6] + "000000",
        lambda key: key[:9] + "\u0661" * 36,
    ],
    ids=["doubled", "listed", "line", "space", "over-long", "lower", "check", "other digits"],
)
def test_what_is_like_a_key_is_none(spoil: Callable[[str], str]) -> None:
    key = "swy_live_" + "aB3" * 10
    good = next(made for made in (new_key("live") for _ in range(100)) if made != made.lower())
    assert not is_well_formed(spoil(good), mark="live")
    assert not is_well_formed(spoil(key), mark="live")


def test_a_hint_tells_where_a_key_is_from_and_its_last_characters() -> None:
    key = new_key("live")
    assert hint_of(key) == f"swy_live_...{key[-4:]}"
