"""What goes into the counting of logins."""

from shared.core.schema import Schema


class Attempt(Schema):
    """A login: `account` is the user's id, or what was typed where there is none; `address` the client's IP."""

    account: str
    address: str


class Admitted(Schema):
    """An attempt that may be made, and the counters that it is counted by."""

    attempt: Attempt
    counter: str
    by_address: str
    by_both: str
