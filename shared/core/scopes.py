"""What a token lets its bearer do (RFC 6749, section 3.3)."""

from enum import StrEnum


class Scope(StrEnum):
    """One permission. A route names the one that it needs in its signature."""

    ACCOUNT = "account"
    """All that is the user's own business: password, sessions, tasks. Never given to others."""
    PROFILE_READ = "profile:read"
    ITEMS_READ = "items:read"
    ITEMS_WRITE = "items:write"
    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"


USER_SCOPES = frozenset(Scope)
"""What users may do, and so what they have who log in by themselves."""


def scopes_in(text: str) -> frozenset[Scope]:
    """Return the scopes of a space-separated list; those that are none (any more) are left out."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in text.split(" ") if name in known)


def text_of(scopes: frozenset[Scope]) -> str:
    """Return scopes as a space-separated list, in order."""
    return " ".join(sorted(scopes))
