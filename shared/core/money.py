"""Money: a decimal amount as text and an ISO 4217 currency."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, StringConstraints

from shared.core.schema import Schema

type Currency = Literal[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD",
    "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF",
    "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN",
    "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD",
    "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES",
    "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL",
    "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK",
    "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT",
    "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VES", "VND",
    "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG",
]  # fmt: skip
"""The currencies in circulation, by ISO 4217."""

Amount = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?$")]
"""A decimal number as text: JSON's own numbers are binary in most readers."""

MINOR_UNITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND",
         "VUV", "XAF", "XOF", "XPF"),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}  # fmt: skip
"""Decimal places of a currency where they are not two, by ISO 4217."""


class Money(Schema):
    """A price. A finer one than the currency's coins is allowed: 1.789 EUR a litre."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount": "12.50", "currency": "EUR"}]}
    )

    amount: Amount
    currency: Currency


def amount_text(value: Decimal, *, currency: str) -> str:
    """Return an amount with at least the decimal places of its currency: 12.5 EUR is `12.50`."""
    places = MINOR_UNITS.get(currency, 2)
    shortest = value.normalize()
    exponent = shortest.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    return f"{shortest:.{max(places, decimals)}f}"


def money_of(amount: Decimal | None, *, currency: str | None) -> Money | None:
    """Return a stored amount and its currency as money, or None where there is none."""
    if amount is None or currency is None:
        return None
    shown = {"amount": amount_text(amount, currency=currency), "currency": currency}
    return Money.model_validate(shown)
