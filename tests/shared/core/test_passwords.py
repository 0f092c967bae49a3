import pytest

from shared.core.passwords import canonical, is_guessable


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password!Password!",
        "password123456789",
        "aaaaaaaaaaaaaaaaaaaa",
        "abcdefghijklmnopqrstuvwxyz",
        "zyxwvutsrqponmlkji",
        "012345678901234567",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc4rfv",
        "ada@example.com",
        "ada.ada.ada.ada.ada",
        "Switchyard-Switchyard",
        "correcthorsebatterystaple",
    ],
)
def test_what_is_common_of_the_context_or_a_pattern_is_guessable(password: str) -> None:
    assert is_guessable(password, context=("ada", "ada@example.com", "switchyard"))


@pytest.mark.parametrize(
    "password",
    [
        "correct-switch-yard-42",
        "seven lanterns by the turntable",
        "gZ4-q8!kTw_2vPx#",
        "пароль для железной дороги",
    ],
)
def test_another_is_not(password: str) -> None:
    assert not is_guessable(password, context=("ada", "ada@example.com", "switchyard"))


def test_one_typed_text_is_one_password_however_it_is_encoded() -> None:
    assert canonical("cafe\u0301") == canonical("caf\u00e9")
