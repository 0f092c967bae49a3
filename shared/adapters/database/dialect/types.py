"""SQLAlchemy types for a wire that knows few: the SQL casts what the wire cannot type.

`render_bind_cast` makes the compiler write `:name::TYPE`.
"""

import json
from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import cast, extract, func, type_coerce
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.json import JSONPathType
from sqlalchemy.dialects.postgresql.pg_catalog import INT2VECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine


class _Verbatim:
    """For values that the connection converts by itself, both ways."""

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002  # SQLAlchemy's signature
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        return None


class DataAPIDateTime(_Verbatim, sqltypes.DateTime):
    """A timestamp, with or without its zone, as ISO 8601 text."""

    render_bind_cast = True


class DataAPIDate(_Verbatim, sqltypes.Date):
    """A date as ISO 8601 text."""

    render_bind_cast = True


class DataAPITime(sqltypes.Time):
    """A time of day as ISO 8601 text. The Data API refuses to return one with its zone."""

    render_bind_cast = True

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Leave the value to the connection."""
        return

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select a time with its zone as text."""
        return type_coerce(cast(column, sqltypes.Text), self) if self.timezone else column

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read that text."""
        return _optional(time.fromisoformat) if self.timezone else None


class DataAPIUuid(sqltypes.Uuid[Any]):
    """A UUID; the connection returns `uuid.UUID`."""

    render_bind_cast = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Leave the value to the connection, where the column is a native one."""
        return None if self.native_uuid else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return text where the column asks for it."""
        if not self.native_uuid:
            return super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]
        return None if self.as_uuid else _optional(str)


class DataAPIInterval(postgresql.INTERVAL):
    """An interval. The Data API refuses to return one, so its epoch is selected instead."""

    render_bind_cast = True

    @classmethod
    def adapt_emulated_to_native(  # type: ignore[override]  # two bases name it differently
        cls, interval: Any, **_: Any
    ) -> "DataAPIInterval":
        """Stand in for SQLAlchemy's generic Interval."""
        return cls(precision=interval.second_precision)

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """Write a timedelta in PostgreSQL's units."""
        return _optional(_interval_text)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select the seconds, exact to the microsecond."""
        return type_coerce(extract("epoch", column), self)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Make the seconds a timedelta."""
        return _optional(lambda seconds: timedelta(microseconds=int(seconds * 1_000_000)))


class DataAPINumeric(sqltypes.Numeric[Any]):
    """A numeric; the connection returns Decimal."""

    render_bind_cast = True

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """Leave the value to the connection."""
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Return float where the column asks for it."""
        return None if self.asdecimal else _optional(float)


class DataAPIFloat(sqltypes.Float[Any]):
    """A double; the connection returns float."""

    render_bind_cast = True

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """Leave the value to the connection."""
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Return Decimal where the column asks for it; NaN and infinities come as text."""
        return _optional((lambda v: Decimal(str(v))) if self.asdecimal else float)


class DataAPIArray(postgresql.ARRAY[Any]):
    """An array. The Data API takes no array parameters, so it travels as a PostgreSQL literal.

    The Data API refuses to return one of several dimensions; where these are declared and the elements
    are such that JSON keeps them (text, integers, booleans), it is selected as JSON.
    """

    render_bind_cast = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select several dimensions as JSON."""
        return type_coerce(func.array_to_json(column), self) if self._as_json else column

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Read that JSON."""
        return (
            _optional(json.loads) if self._as_json else super().result_processor(dialect, coltype)
        )

    @property
    def _as_json(self) -> bool:
        return (self.dimensions or 1) > 1 and self.item_type.python_type in {str, int, bool}

    def bind_processor(self, dialect: Dialect) -> Any:
        """Write the literal."""
        of_item = self.item_type.dialect_impl(dialect).bind_processor(dialect)

        def prepared(value: Any) -> Any:
            if isinstance(value, list | tuple):
                return [prepared(each) for each in value]
            return of_item(value) if of_item and value is not None else value

        return _optional(lambda value: array_literal(prepared(value)))


class DataAPIEnum(postgresql.ENUM):
    """A native enumeration."""

    render_bind_cast = True


class DataAPIJSON(postgresql.JSON):
    """JSON as text."""

    render_bind_cast = True


class DataAPIJSONB(postgresql.JSONB):
    """JSONB as text."""

    render_bind_cast = True


class DataAPIJSONPath(JSONPathType):
    """The path of a JSON element, which is an array of text for PostgreSQL."""

    __visit_name__ = "user_defined"
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type that a parameter is cast to."""
        return "TEXT[]"


class DataAPIJSONIntIndex(sqltypes.JSON.JSONIntIndexType):
    """The place in a JSON array."""

    __visit_name__ = "json_int_index"
    render_bind_cast = True


class DataAPIJSONStrIndex(sqltypes.JSON.JSONStrIndexType):
    """The name in a JSON object."""

    __visit_name__ = "json_str_index"
    render_bind_cast = True


class DataAPIChar(sqltypes.CHAR):
    """One character. The Data API refuses the catalogue's own `"char"`, so text is selected."""

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select text, where no length was declared."""
        return column if self.length else type_coerce(cast(column, sqltypes.Text), self)


class DataAPIOid(postgresql.OID):
    """An object identifier of the catalogue. It is no type of the Data API, so a number is selected."""

    render_bind_cast = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select the number."""
        return type_coerce(cast(column, sqltypes.BigInteger), self)


class DataAPIInt2Vector(INT2VECTOR):
    """The catalogue's own list of numbers. It is no type of the Data API, so its text is selected."""

    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Select the text: numbers with a space between two."""
        return type_coerce(cast(column, sqltypes.Text), self)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002
        """Read that text."""
        return _optional(lambda text: [int(each) for each in text.split()])


class DataAPIInteger(sqltypes.Integer):
    """A 32-bit integer; the wire knows 64 bits only."""

    render_bind_cast = True


class DataAPIBigInteger(sqltypes.BigInteger):
    """A 64-bit integer."""

    render_bind_cast = True


class DataAPISmallInteger(sqltypes.SmallInteger):
    """A 16-bit integer."""

    render_bind_cast = True


def array_literal(value: Any) -> str:
    """Return a PostgreSQL array literal (PostgreSQL, "Array Input and Output Syntax")."""
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return "{" + ",".join(array_literal(each) for each in value) + "}"
    text = _element_text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _element_text(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _interval_text(value: timedelta) -> str:
    return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


COLSPECS: dict[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    sqltypes.DateTime: DataAPIDateTime,
    sqltypes.Date: DataAPIDate,
    sqltypes.Time: DataAPITime,
    sqltypes.Uuid: DataAPIUuid,
    sqltypes.Interval: DataAPIInterval,
    postgresql.INTERVAL: DataAPIInterval,
    sqltypes.Numeric: DataAPINumeric,
    sqltypes.Float: DataAPIFloat,
    sqltypes.ARRAY: DataAPIArray,
    postgresql.ARRAY: DataAPIArray,
    sqltypes.Enum: DataAPIEnum,
    postgresql.ENUM: DataAPIEnum,
    sqltypes.JSON: DataAPIJSON,
    postgresql.JSON: DataAPIJSON,
    postgresql.JSONB: DataAPIJSONB,
    sqltypes.JSON.JSONPathType: DataAPIJSONPath,
    sqltypes.JSON.JSONIntIndexType: DataAPIJSONIntIndex,
    sqltypes.JSON.JSONStrIndexType: DataAPIJSONStrIndex,
    sqltypes.CHAR: DataAPIChar,
    postgresql.OID: DataAPIOid,
    INT2VECTOR: DataAPIInt2Vector,
    sqltypes.Integer: DataAPIInteger,
    sqltypes.BigInteger: DataAPIBigInteger,
    sqltypes.SmallInteger: DataAPISmallInteger,
}
"""What the dialect puts in the place of SQLAlchemy's own types."""
