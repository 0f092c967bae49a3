"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that new rows land together in an index."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a new UUIDv7; ids made later sort later, to the millisecond."""
    return uuid7()
