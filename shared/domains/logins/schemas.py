"""What goes into the counting of logins."""

from uuid import UUID

from shared.core.schema import Schema


class Attempt(Schema):
    """A login: whose, None where nobody has what was typed; `address` is the client's IP.

    `factor` is what is being tried: each is counted by itself, so that who knows the password does not make
    failures of the second factor forgotten by typing it.
    """

    user_id: UUID | None
    login: str
    address: str
    factor: str | None = None

    @property
    def account(self) -> str:
        """What is counted: a user by any of their names, and each name that is nobody's."""
        account = str(self.user_id or self.login)
        return f"{account}\n{self.factor}" if self.factor else account


class Admitted(Schema):
    """An attempt that may be made, and the counters that it is counted by."""

    attempt: Attempt
    counter: str
    by_address: str
    by_both: str
