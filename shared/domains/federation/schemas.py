"""What goes into signing in by outside providers and comes out of it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import MISSING, Field, StringConstraints

from shared.config.federation import ProviderId
from shared.core.schema import Schema
from shared.domains.identity import api as identity

GivenSecret = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+$")
]
"""A random text that this service gave out."""

GivenCode = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[ -~]+$")]
"""A provider's code (RFC 6749, appendix A.11)."""

ReturnAddress = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024, pattern=r"^https?://[!-~]+$"),
    Field(examples=["https://app.example.com/signed-in"]),
]
"""A page of an application: its origin is one of `CORS_ORIGINS`."""


class ExternalProvider(Schema):
    """By whom users can sign in."""

    id: ProviderId
    name: str


class Beginning(Schema):
    """A sign-in that is to begin. Without `return_to` the provider's answer is answered in JSON."""

    return_to: ReturnAddress | MISSING = MISSING


class LinkBeginning(Beginning):
    """A provider that is to be linked: who has a password enters it again."""

    current_password: identity.GivenPassword | MISSING = MISSING


class Begun(Schema):
    """A sign-in that has begun."""

    authorization_url: str = Field(description="Where the user's browser goes now.")
    flow_token: str = Field(
        description="Proves later that it was you who began: keep it where only this browser has it."
    )
    expires_in: int = Field(description="How long the user may take, in seconds.")


class ProviderAnswer(Schema):
    """What a provider's redirect brings (RFC 6749, section 4.1.2; RFC 9207)."""

    state: str
    code: str | None
    error: str | None
    iss: str | None


class Handover(Schema):
    """What the provider's answer became: it is good once, for a minute, for who began the sign-in."""

    handover: str
    expires_in: int


class Return(Schema):
    """How a provider's answer ends: on a page of the application, or else by a handover in JSON."""

    location: str | None
    handover: Handover | None


class Completion(Schema):
    """A handover, and the token of the sign-in that it belongs to."""

    handover: GivenSecret
    flow_token: GivenSecret


class Identity(Schema):
    """Whom a provider has vouched for: a user of its own, `subject`, by its issuer."""

    provider: ProviderId
    issuer: str
    subject: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[ -~]+$")]
    email: identity.Email | None
    name: str


class Link(Schema):
    """An account at a provider by which a user can log in."""

    id: UUID
    provider: str
    email: str | None = Field(description="The address that it had there when it was linked.")
    created_at: datetime
    last_used_at: datetime | None


class Links(Schema):
    """All links of a user."""

    items: tuple[Link, ...]
