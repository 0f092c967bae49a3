"""At every moment of a rotation each token is verified by whoever looked at the ring in the last five minutes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.key_ring import (
    LEAD,
    MOST_AGE,
    REREAD,
    KeyRing,
    MalformedRingError,
    RingKey,
    Rotation,
)

START = datetime(2026, 1, 6, 10, tzinfo=UTC)
LIFE = timedelta(seconds=900 + 120)
MINUTE = timedelta(minutes=1)


def rotated(
    ring: KeyRing,
    why: Rotation,
    at: datetime,
    secret: str = "new",  # noqa: S107  # none
) -> KeyRing:
    return ring.rotated(why, at=at, secret=secret, token_life=LIFE)


def secrets_of(ring: KeyRing) -> list[str]:
    return [each.secret for each in ring.keys]


class TestRead:
    def test_the_string_that_was_generated_is_a_ring_of_one(self) -> None:
        ring = KeyRing.read("s" * 64)
        assert ring.signing(at=START).secret == "s" * 64
        assert ring.signing(at=datetime(1970, 1, 1, tzinfo=UTC)).secret == "s" * 64

    def test_a_ring_is_read_as_it_was_written(self) -> None:
        ring = rotated(KeyRing.read("first"), Rotation.NOW, START)
        assert KeyRing.read(ring.text) == ring

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "{}",
            '{"keys": []}',
            '{"keys": {}}',
            '{"keys": [7]}',
            '{"keys": [{"secret": "hidden"}]}',
            '{"keys": [{"secret": "hidden", "signs_from": "soon"}]}',
            '{"keys": [{"secret": "hidden", "signs_from": "2026-01-06T10:00:00"}]}',
            '{"keys": [{"secret": 7, "signs_from": "2026-01-06T10:00:00Z"}]}',
            '{"keys": [{"secret": "", "signs_from": "2026-01-06T10:00:00Z"}]}',
        ],
    )
    def test_anything_else_is_refused_and_not_repeated(self, text: str) -> None:
        with pytest.raises(MalformedRingError) as caught:
            KeyRing.read(text)
        assert "hidden" not in str(caught.value)

    def test_a_ring_that_is_shown_tells_no_secret(self) -> None:
        """It may stand in an exception or in a log."""
        assert "hidden" not in repr(KeyRing.read("hidden"))


class TestRotation:
    def test_a_key_is_replaced_when_it_is_old_enough(self) -> None:
        young = KeyRing((RingKey(secret="first", signs_from=START),))
        assert rotated(young, Rotation.DUE, START + MOST_AGE - MINUTE) == young
        assert secrets_of(rotated(young, Rotation.DUE, START + MOST_AGE)) == ["first", "new"]

    def test_one_whose_age_nobody_knows_is_old(self) -> None:
        assert secrets_of(rotated(KeyRing.read("first"), Rotation.DUE, START)) == ["first", "new"]

    def test_a_new_key_is_published_before_it_signs(self) -> None:
        ring = rotated(KeyRing.read("first"), Rotation.NOW, START)
        assert LEAD > REREAD
        assert ring.signing(at=START + LEAD - MINUTE).secret == "first"
        assert ring.signing(at=START + LEAD).secret == "new"

    def test_while_it_waits_no_other_is_made(self) -> None:
        ring = rotated(KeyRing.read("first"), Rotation.NOW, START)
        for why in (Rotation.NOW, Rotation.DUE):
            assert rotated(ring, why, START + LEAD - MINUTE, "newer") == ring

    def test_the_old_key_goes_once_its_last_token_has_expired(self) -> None:
        ring = rotated(KeyRing.read("first"), Rotation.NOW, START)
        last = START + LEAD + LIFE
        assert secrets_of(rotated(ring, Rotation.DUE, last - MINUTE)) == ["first", "new"]
        assert secrets_of(rotated(ring, Rotation.DUE, last)) == ["new"]

    def test_a_compromised_key_goes_at_once(self) -> None:
        ring = rotated(KeyRing.read("first"), Rotation.NOW, START)
        ring = rotated(ring, Rotation.COMPROMISED, START + MINUTE, "safe")
        assert secrets_of(ring) == ["safe"]
        assert ring.signing(at=START + MINUTE).secret == "safe"


@pytest.mark.parametrize("phase_s", range(0, 300, 37))
@pytest.mark.parametrize("other_phase_s", [0, 150, 299])
def test_there_is_no_moment_at_which_a_good_token_is_refused(
    phase_s: int, other_phase_s: int
) -> None:
    """One process signs, another verifies for as long as the token lives; each knows the ring of its last look."""
    history: list[tuple[datetime, KeyRing]] = [
        (START - timedelta(days=1), KeyRing((RingKey(secret="0", signs_from=START - MOST_AGE),)))
    ]
    at = START
    for number in range(1, 4):  # a rotation an hour, each tidied up after by the daily run
        history.append((at, rotated(history[-1][1], Rotation.NOW, at, str(number))))
        at += timedelta(hours=1)

    def known(moment: datetime, phase: int) -> KeyRing:
        since = (moment - START).total_seconds()
        looked = START + timedelta(seconds=(since - phase) // 300 * 300 + phase)
        return [ring for made, ring in history if made <= looked][-1]

    for minute in range(-10, 190):
        signed_at = START + minute * MINUTE
        key = known(signed_at, phase_s).signing(at=signed_at)
        for age in (0, 7, 15):
            assert key in known(signed_at + age * MINUTE, other_phase_s).keys


def test_a_ring_is_small() -> None:
    """Secrets Manager keeps 64 KiB."""
    ring = KeyRing.read("s" * 64)
    for day in range(100):
        ring = rotated(ring, Rotation.NOW, START + timedelta(days=day), f"{day:064}")
    assert len(ring.keys) == 2
    assert set(json.loads(ring.text)) == {"keys"}
