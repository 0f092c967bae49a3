"""What a token or a key lets its bearer do (RFC 6749, section 3.3)."""

from enum import StrEnum


class Scope(StrEnum):
    """One permission. A route names the one that it needs in its signature."""

    ACCOUNT = "account"
    """All that is the user's own business: password, sessions, tasks, clients. Never given to others."""
    PROFILE_READ = "profile:read"
    ITEMS_READ = "items:read"
    ITEMS_WRITE = "items:write"
    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"
    USAGE_READ = "usage:read"
    """What is used and left of a plan's quota: for API keys only."""
    WEBHOOKS = "webhooks"
    """The partner's webhooks, and their secrets: for API keys only. Users need `account` for theirs."""


USER_SCOPES = frozenset(Scope) - {Scope.USAGE_READ, Scope.WEBHOOKS}
"""What users may do, and so what they have who log in by themselves."""

GRANTABLE_SCOPES = USER_SCOPES - {Scope.ACCOUNT}
"""What a user may grant a third party."""

KEY_SCOPES = frozenset({Scope.ITEMS_READ, Scope.ITEMS_WRITE, Scope.USAGE_READ, Scope.WEBHOOKS})
"""What a partner's API key may have."""


def scopes_in(text: str) -> frozenset[Scope]:
    """Return the scopes of a space-separated list; those that are none (any more) are left out."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in text.split(" ") if name in known)


def text_of(scopes: frozenset[Scope]) -> str:
    """Return scopes as a space-separated list, in order."""
    return " ".join(sorted(scopes))
