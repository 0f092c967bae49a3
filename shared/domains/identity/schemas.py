"""What goes into identity and comes out of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import MISSING, Field, StringConstraints

from shared.core.schema import Schema

Username = Annotated[
    str,
    StringConstraints(
        min_length=3, max_length=32, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
    ),
    Field(examples=["ada"]),
]
"""Letters, digits and inner `.`, `_`, `-`; unique whatever its case."""

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

Email = Annotated[
    str,
    StringConstraints(
        min_length=3,
        max_length=254,
        pattern=rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(\.{_LABEL})*$",
    ),
    Field(examples=["ada@example.com"]),
]
"""What a browser takes for an e-mail address (HTML, "valid e-mail address"); unique in any case."""

NewPassword = Annotated[
    str,
    StringConstraints(min_length=15, max_length=128, pattern=r"^[^\x00]*$"),
    Field(examples=["seven lanterns by the turntable"]),
]
"""Any characters (NIST SP 800-63B-4: length counts, composition does not)."""

GivenPassword = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")
]
"""A password to be compared with the one on record."""

Login = Annotated[str, StringConstraints(min_length=1, max_length=254, pattern=r"^[^\x00]*$")]
"""A user name or an e-mail address."""


class Role(StrEnum):
    """What a user may do beyond their own things: an operator runs the service."""

    USER = "user"
    OPERATOR = "operator"


class EmailPurpose(StrEnum):
    """What a token that is sent by mail is for."""

    VERIFY = "verify"
    RESET_PASSWORD = "reset_password"  # noqa: S105  # a name, no password


GivenToken = Annotated[
    str, StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$")
]
"""A token as it stood in a mail."""


class Credentials(Schema):
    """What somebody logs in with, and from where: `address` is the one that the gateway saw."""

    login: Login
    password: GivenPassword
    address: str


class EmailVerification(Schema):
    """The token of the mail that verifies an address."""

    token: GivenToken


class PasswordResetRequest(Schema):
    """Whose password is to be reset."""

    email: Email


class PasswordReset(Schema):
    """The token of the mail that resets a password, and the new password."""

    token: GivenToken
    password: NewPassword


class Registration(Schema):
    """A new user."""

    username: Username
    email: Email
    password: NewPassword


class ExternalRegistration(Schema):
    """A new user without a password: an outside provider says who they are, and vouches for the address.

    `name` is what the provider calls them: a user name is made of it.
    """

    name: str
    email: Email
    locale: str = "en"


class UserChange(Schema):
    """New values for some of a user's fields; a new password needs the current one."""

    username: Username | MISSING = MISSING
    email: Email | MISSING = MISSING
    password: NewPassword | MISSING = MISSING
    current_password: GivenPassword | MISSING = MISSING


class User(Schema):
    """A user as they see themselves."""

    id: UUID
    username: str
    email: str
    email_verified: bool
    created_at: datetime
    updated_at: datetime


class Contact(Schema):
    """Where to write to a user, how to address them, and in which language (BCP 47)."""

    username: str
    email: str
    locale: str
