"""Keyset pagination: the rows after a position, found by an index instead of counted off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, false, literal, or_, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from shared.adapters.database.violations import is_too_large
from shared.core.pagination import (
    CursorValue,
    Page,
    decode_cursor,
    encode_cursor,
    fingerprint_of,
    require_types,
)

type Direction = Literal["ascending", "descending"]
type Expression = InstrumentedAttribute[Any] | ColumnElement[Any]


@dataclass(frozen=True)
class Key:
    """One sort key. Rows without a value come last, whatever the direction."""

    expression: ColumnElement[Any]
    direction: Direction

    @property
    def nullable(self) -> bool:
        """Tell whether a row may lack a value; of a computed expression that is assumed."""
        return bool(getattr(self.expression, "nullable", True))

    def ordering(self) -> ColumnElement[Any]:
        """Return the key's part of ORDER BY."""
        ordered = self.expression.asc() if self.direction == "ascending" else self.expression.desc()
        return ordered.nulls_last() if self.nullable else ordered

    def after(self, value: CursorValue) -> ColumnElement[bool]:
        """Return the condition of a row that this key alone puts after `value`."""
        if value is None:
            return false()
        bound = self.bound(value)
        ascending = self.direction == "ascending"
        beyond = self.expression > bound if ascending else self.expression < bound
        return or_(beyond, self.expression.is_(None)) if self.nullable else beyond

    def same(self, value: CursorValue) -> ColumnElement[bool]:
        """Return the condition of a row that has `value` too."""
        return self.expression.is_(None) if value is None else self.expression == self.bound(value)

    def bound(self, value: CursorValue) -> ColumnElement[Any]:
        """Return a value as a parameter of the key's own type."""
        return literal(value, self.expression.type)


def ascending(expression: Expression) -> Key:
    """Return the key that puts the smallest first."""
    return Key(expression=_element(expression), direction="ascending")


def descending(expression: Expression) -> Key:
    """Return the key that puts the largest first."""
    return Key(expression=_element(expression), direction="descending")


async def paginate[T](
    session: AsyncSession,
    statement: Select[T],
    *,
    order: Sequence[Key],
    cursor: str | None,
    limit: int,
    filters: Mapping[str, object] | None = None,
) -> Page[T]:
    """Return the page of at most `limit` rows after `cursor`, in `order`.

    `statement` selects one entity or column, unordered; the last key must be unique. `filters` are the
    conditions that a cursor must agree with, by name. A page may be shorter than `limit` and yet have
    a next one: the Data API returns 1 MiB at most.
    Raises ValidationFailedError for a bad cursor, ValueError for an order that is no total one, TypeError
    for a key of a type that no cursor can hold.
    """
    _require_total(order)
    if limit < 1:
        raise ValueError("limit must be at least 1")
    types = [key.expression.type.python_type for key in order]
    require_types(types)
    fingerprint = _fingerprint(order, filters or {})
    if cursor is not None:
        nullable = {place for place, key in enumerate(order) if key.nullable}
        position = decode_cursor(cursor, types=types, fingerprint=fingerprint, nullable=nullable)
        statement = statement.where(_after(order, position))
    ordered = statement.add_columns(*(key.expression for key in order)).order_by(
        *(key.ordering() for key in order)
    )
    rows, size = await _fetch(session, ordered, limit=limit)
    if len(rows) <= size:
        return Page(items=[row[0] for row in rows])
    position = tuple(rows[size - 1][1:])
    next_cursor = encode_cursor(position, fingerprint=fingerprint)
    return Page(items=[row[0] for row in rows[:size]], next_cursor=next_cursor)


async def _fetch(
    session: AsyncSession, ordered: Select[Any], *, limit: int
) -> tuple[Sequence[Any], int]:
    # One row more than wanted tells whether there is a next page.
    while True:
        try:
            result = await session.execute(ordered.limit(limit + 1))
        except DBAPIError as error:
            if limit == 1 or not is_too_large(error):
                raise
            limit //= 2
        else:
            return result.unique().all(), limit


def _after(order: Sequence[Key], position: Sequence[CursorValue]) -> ColumnElement[bool]:
    pairs = list(zip(order, position, strict=True))
    uniform = len({key.direction for key in order}) == 1
    if uniform and not any(key.nullable for key in order):
        # A row comparison is one range of an index on these columns.
        row = tuple_(*(key.expression for key in order))
        bounds = tuple_(*(key.bound(value) for key, value in pairs))
        return row > bounds if order[0].direction == "ascending" else row < bounds
    return or_(
        *(
            and_(*(k.same(v) for k, v in pairs[:place]), key.after(value))
            for place, (key, value) in enumerate(pairs)
        )
    )


def _fingerprint(order: Sequence[Key], filters: Mapping[str, object]) -> str:
    keys = [(str(key.expression), key.direction) for key in order]
    return fingerprint_of(keys, sorted((name, str(value)) for name, value in filters.items()))


def _require_total(order: Sequence[Key]) -> None:
    # Rows that the keys do not tell apart would be skipped at the border of two pages.
    last = order[-1].expression if order else None
    if not (getattr(last, "primary_key", False) or getattr(last, "unique", False)):
        raise ValueError("the last sort key must be the primary key or a unique column")
    if order[-1].nullable:
        raise ValueError("the last sort key must not be nullable")


def _element(expression: Expression) -> ColumnElement[Any]:
    if isinstance(expression, InstrumentedAttribute):
        element: ColumnElement[Any] = expression.expression
        return element
    return expression
