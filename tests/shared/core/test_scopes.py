"""Scopes are read from text and written to it."""

from shared.core.scopes import USER_SCOPES, Scope, scopes_in, text_of


def test_text_gives_back_scopes() -> None:
    for scopes in (frozenset(), USER_SCOPES, frozenset({Scope.ITEMS_READ})):
        assert scopes_in(text_of(scopes)) == scopes


def test_what_is_no_scope_is_left_out() -> None:
    assert scopes_in("items:read  admin ITEMS:WRITE items:read\titems:write") == {Scope.ITEMS_READ}
