"""The Data API's fields to and from PostgreSQL's text format.

Source: AWS, "Field" and "SqlParameter" in the RDS Data Service API reference.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from infra_cdk.local.data_api.errors import DataAPIError, bad_request

UNTYPED, BOOL, BYTEA, INT8, TEXT, FLOAT8, NUMERIC, UUID, JSON, DATE, TIME, TIMESTAMP, TIMESTAMPTZ = (
    0, 16, 17, 20, 25, 701, 1700, 2950, 114, 1082, 1083, 1114, 1184,
)  # fmt: skip
_LONGS = frozenset({20, 21, 23})
_DOUBLES = frozenset({700, 701})
_STRINGS = frozenset({19, 25, 114, 650, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1700, 2950, 3802})
_HINTS = {
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
    "DECIMAL": NUMERIC,
    "JSON": JSON,
    "UUID": UUID,
}
_FORMATS = {
    "DATE": re.compile(r"\d{4}-\d\d-\d\d"),
    "TIME": re.compile(r"\d\d:\d\d:\d\d(\.\d{1,3})?"),
    "TIMESTAMP": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?"),
}


def to_postgres(parameter: Mapping[str, Any]) -> tuple[int, bytes | None]:
    """Return a parameter's type (an OID) and its text. Raises DataAPIError."""
    field = parameter.get("value") or {"isNull": True}
    if field.get("isNull"):
        return UNTYPED, None
    kind, value = next(iter(field.items()))
    match kind:
        case "stringValue":
            return _string(parameter, value)
        case "longValue":
            return INT8, str(value).encode()
        case "doubleValue":
            return FLOAT8, repr(value).encode()
        case "booleanValue":
            return BOOL, b"t" if value else b"f"
        case "blobValue":
            return BYTEA, b"\\x" + base64.b64decode(value).hex().encode()
    raise bad_request("Array parameters are not supported.")


def _string(parameter: Mapping[str, Any], value: str) -> tuple[int, bytes]:
    hint = parameter.get("typeHint")
    pattern = _FORMATS.get(hint or "")
    if pattern and not pattern.fullmatch(value):
        raise bad_request(f"Bad value for parameter {parameter['name']!r} with hint {hint}")
    if "\0" in value:
        raise bad_request("A string parameter holds a NUL character.")
    return _HINTS.get(hint or "", TEXT), value.encode()


def require_supported(oid: int, *, type_name: str, is_enum: bool) -> None:
    """Raise DataAPIError where AWS returns no column of this type."""
    if oid not in _LONGS | _DOUBLES | _STRINGS | {BOOL, BYTEA} and not is_enum:
        message = f"The result contains the unsupported data type {type_name.upper()}."
        raise DataAPIError("UnsupportedResultException", message)


def from_postgres(text: bytes | None, *, oid: int) -> dict[str, Any]:
    """Return a field for a scalar of a supported type in text format."""
    if text is None:
        return {"isNull": True}
    if oid == BOOL:
        return {"booleanValue": text == b"t"}
    if oid in _LONGS:
        return {"longValue": int(text)}
    if oid in _DOUBLES:
        return _double(text)
    if oid == BYTEA:
        return {"blobValue": base64.b64encode(bytes.fromhex(text[2:].decode())).decode()}
    # The service gives a timestamptz in UTC and leaves the offset out.
    return {"stringValue": text.decode().removesuffix("+00" if oid == TIMESTAMPTZ else "")}


def _double(text: bytes) -> dict[str, Any]:
    # JSON has no NaN and no infinity.
    if text in {b"NaN", b"Infinity", b"-Infinity"}:
        return {"stringValue": text.decode()}
    return {"doubleValue": float(text)}


def split_array(text: str) -> list[str | None]:
    """Return the elements of a one-dimensional array in PostgreSQL's text format.

    Where an array does not begin at 1, its bounds stand before the brace: `[0:1]={5,6}`.
    """
    if "{{" in text[: text.index("{") + 2]:
        message = "The result contains a multidimensional array."
        raise DataAPIError("UnsupportedResultException", message)
    elements: list[str | None] = []
    for quoted, plain in _ELEMENT.findall(text[text.index("{") + 1 : -1]):
        if quoted:
            elements.append(_ESCAPED.sub(r"\1", quoted[1:-1]))
        elif plain:
            elements.append(None if plain == "NULL" else plain)
    return elements


_ELEMENT = re.compile(r'("(?:[^"\\]|\\.)*")|([^,"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
