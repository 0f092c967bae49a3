"""Keyset pages, and the opaque cursor that says where the next one begins.

A cursor holds the sort values of the last row and the fingerprint of the order that they belong to,
as JSON in base64url without padding (RFC 4648, section 5). It is a position, not a permission: the
query's own conditions decide which rows a caller sees, so it needs no signature.
"""

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b
from uuid import UUID

from shared.core.errors import FieldError, ValidationFailedError

LONGEST_CURSOR = 4096
"""Characters of the longest cursor that is read; a gateway's URL holds about twice as many."""

_INT64 = range(-(2**63), 2**63)
_LONGEST_NUMERIC = 1000

type CursorValue = str | int | Decimal | datetime | date | UUID | None
type Scalar = str | int | None


@dataclass(frozen=True)
class Page[T]:
    """Some of the rows in their order; `next_cursor` is None on the last page."""

    items: list[T]
    next_cursor: str | None = None

    def map[U](self, convert: Callable[[T], U]) -> "Page[U]":
        """Return the same page with each item converted."""
        return Page(items=[convert(item) for item in self.items], next_cursor=self.next_cursor)


def fingerprint_of(*parts: object) -> str:
    """Return a short digest of what a cursor must agree with: the order, the filters."""
    return blake2b(repr(parts).encode(errors="backslashreplace"), digest_size=9).hexdigest()


def require_types(types: Sequence[type]) -> None:
    """Raise TypeError where a sort value's type is one that no cursor can hold."""
    strange = [type_.__name__ for type_ in types if type_ not in _READERS]
    if strange:
        raise TypeError(f"no cursor can hold {', '.join(strange)}")


def encode_cursor(values: Sequence[CursorValue], *, fingerprint: str) -> str:
    """Return the cursor of a row with these sort values.

    Raises TypeError for a value that no cursor can hold, ValueError where it would be too long.
    """
    payload = [fingerprint, *(_to_scalar(value) for value in values)]
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    cursor = urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    if len(cursor) > LONGEST_CURSOR:
        raise ValueError(f"the sort values make a cursor of {len(cursor)} characters")
    return cursor


def decode_cursor(
    cursor: str, *, types: Sequence[type], fingerprint: str, nullable: Container[int] = ()
) -> tuple[CursorValue, ...]:
    """Return the sort values of a cursor, each of the type at its place.

    `nullable` are the places that may hold None instead.

    Raises ValidationFailedError, naming `cursor`, for one that `encode_cursor` did not make or that
    belongs to another order; TypeError for a type that no cursor can hold.
    """
    require_types(types)
    try:
        found, *scalars = _payload(cursor)
        if found != fingerprint:
            raise _invalid("It belongs to another sort order or filter: start from the first page.")
        values = tuple(
            None if scalar is None and place in nullable else _READERS[type_](scalar)
            for place, (type_, scalar) in enumerate(zip(types, scalars, strict=True))
        )
        # One spelling per position: what reads alike but was written otherwise is refused.
        genuine = encode_cursor(values, fingerprint=fingerprint) == cursor
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise _invalid("It is not one that this service gave out.") from error
    if not genuine:
        raise _invalid("It is not one that this service gave out.")
    return values


def _payload(cursor: str) -> list[Scalar]:
    if len(cursor) > LONGEST_CURSOR:
        raise ValueError("too long")
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    payload = json.loads(urlsafe_b64decode(padded))
    if not isinstance(payload, list) or not payload:
        raise ValueError("no list")
    return payload


def _to_scalar(value: CursorValue) -> Scalar:
    match value:
        case bool():
            raise TypeError("no cursor can hold bool")
        case None | int() | str():
            return value
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
    raise TypeError(f"no cursor can hold {type(value).__name__}")


def _text(scalar: Scalar) -> str:
    if not isinstance(scalar, str):
        raise TypeError("not a string")
    return scalar


def _str(scalar: Scalar) -> str:
    text = _text(scalar)
    if "\0" in text:
        raise ValueError("PostgreSQL's text holds no NUL")
    return text


def _int(scalar: Scalar) -> int:
    if type(scalar) is not int or scalar not in _INT64:
        raise ValueError("not a 64-bit integer")
    return scalar


def _decimal(scalar: Scalar) -> Decimal:
    value = Decimal(_text(scalar))
    if not math.isfinite(value) or abs(value.adjusted()) > _LONGEST_NUMERIC:
        raise ValueError("not a number that PostgreSQL's numeric surely holds")
    return value


_READERS: dict[type, Callable[[Scalar], CursorValue]] = {
    str: _str,
    int: _int,
    Decimal: _decimal,
    datetime: lambda scalar: datetime.fromisoformat(_text(scalar)),
    date: lambda scalar: date.fromisoformat(_text(scalar)),
    UUID: lambda scalar: UUID(_text(scalar)),
}


def _invalid(message: str) -> ValidationFailedError:
    error = FieldError(location=("query", "cursor"), code="invalid_cursor", message=message)
    return ValidationFailedError("The cursor is not valid.", errors=[error])
