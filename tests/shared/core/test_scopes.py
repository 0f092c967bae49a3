"""Scopes are read from text and written to it, and nobody is given more than they may have."""

from shared.core.scopes import (
    GRANTABLE_SCOPES,
    KEY_SCOPES,
    USER_SCOPES,
    Scope,
    scopes_in,
    text_of,
)


def test_text_gives_back_scopes() -> None:
    for scopes in (frozenset(), USER_SCOPES, KEY_SCOPES):
        assert scopes_in(text_of(scopes)) == scopes


def test_what_is_no_scope_is_left_out() -> None:
    assert scopes_in("items:read  admin ITEMS:WRITE items:read\titems:write") == {Scope.ITEMS_READ}


def test_a_third_party_is_never_given_the_account() -> None:
    assert Scope.ACCOUNT not in GRANTABLE_SCOPES | KEY_SCOPES
