"""What goes into sessions and comes out of them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.core.schema import Schema
from shared.core.scopes import USER_SCOPES, Scope

GivenRefreshToken = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$")
]
"""A refresh token as a client sends it."""


class Device(Schema):
    """Where a request came from: its address, and how the client calls itself."""

    address: str
    user_agent: str


class Opening(Schema):
    """A session that is to begin: whose, how they proved it, what it may do, and for which third party."""

    user_id: UUID
    device: Device
    methods: tuple[str, ...]
    scopes: frozenset[Scope] = USER_SCOPES
    client_id: str | None = None


class Principal(Schema):
    """Who a request speaks for: a user, in one of their sessions, limited to some scopes.

    `client_id` is the third party's that the user, or the client's own credentials, let act; None for
    the user's own logins.
    """

    user_id: UUID
    session_id: UUID
    scopes: frozenset[Scope]
    client_id: str | None = None


class LiveSession(Schema):
    """A session that has not ended: whose, how they proved it, what it may do, and for which third party."""

    id: UUID
    user_id: UUID
    methods: tuple[str, ...]
    scopes: frozenset[Scope]
    client_id: str | None
    expires_at: datetime


class TokenPair(Schema):
    """A bearer token (RFC 6749, section 5.1) and what gets the next one. `expires_in` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a scheme, no secret
    expires_in: int
    refresh_token: str = Field(
        description="Good for one refresh. Sent again within 10 seconds it gives the same successor; "
        "later, that ends the session."
    )
    scope: str


class Refresh(Schema):
    """The newest refresh token of a session."""

    refresh_token: GivenRefreshToken


class UserSession(Schema):
    """A session, as its user sees it."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime = Field(description="When it was begun or refreshed last.")
    expires_at: datetime
    device: str = Field(description="How the client called itself.")
    address: str = Field(description="Where it was seen last.")
    methods: tuple[str, ...] = Field(
        description="How the user proved who they are (RFC 8176): `pwd`, `otp`, `hwk`, `fed`, ..."
    )
    client_id: str | None = Field(description="The third party whose session it is.")
    scopes: tuple[Scope, ...]
    current: bool = Field(description="Whether the request was made in this session.")
