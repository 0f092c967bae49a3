"""Values on the Data API's wire: parameters as typed fields, results by their column's type.

aurora-data-api cuts a timestamp's offset and microseconds, because the type hint TIMESTAMP knows
milliseconds only. Here a value travels as text and the SQL casts it (see `types.py`).
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from aurora_data_api.exceptions import DataError

type Field = Mapping[str, Any]

_INT64 = range(-(2**63), 2**63)


def to_parameter(name: str, value: object) -> dict[str, Any]:
    """Return one entry of a call's `parameters`. Raises DataError for text that PostgreSQL cannot hold."""
    if isinstance(value, UUID):
        return {"name": name, "value": {"stringValue": str(value)}, "typeHint": "UUID"}
    if isinstance(value, Decimal):
        return {"name": name, "value": {"stringValue": str(value)}, "typeHint": "DECIMAL"}
    return {"name": name, "value": _to_field(value)}


def _to_field(value: object) -> dict[str, Any]:
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int() if value in _INT64:
            return {"longValue": int(value)}
        case float() if math.isfinite(value):
            return {"doubleValue": value}
        case bytes() | bytearray() | memoryview():
            return {"blobValue": bytes(value)}
        case _:
            return {"stringValue": _to_text(value)}


def _to_text(value: object) -> str:
    text = value.isoformat() if isinstance(value, date | time) else str(value)
    if "\0" in text:
        raise DataError("PostgreSQL's text holds no NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"not Unicode text: {error}") from error
    return text


def from_field(field: Field, type_name: str) -> object:
    """Return the Python value of one result field; `type_name` is the column's `typeName`."""
    if field.get("isNull"):
        return None
    kind, value = next(iter(field.items()))
    if kind == "arrayValue":
        return _from_array(value, type_name.removeprefix("_"))
    convert = _CONVERTERS.get(type_name)
    return convert(value) if convert else value


def _from_array(value: Field, type_name: str) -> list[object]:
    kind, elements = next(iter(value.items()), ("stringValues", []))
    if kind == "arrayValues":
        return [_from_array(each, type_name) for each in elements]
    convert = _CONVERTERS.get(type_name)
    return [each if each is None or convert is None else convert(each) for each in elements]


def _timestamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _timestamptz(text: str) -> datetime:
    # The Data API gives UTC and leaves the offset out.
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_CONVERTERS: Mapping[str, Callable[[Any], object]] = {
    "uuid": UUID,
    "numeric": Decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
}
