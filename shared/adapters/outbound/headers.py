"""Headers of a request: none can end its line, and none can change how the request is framed or routed.

Sources: RFC 9110, section 5; RFC 9112, section 11.1.
"""

import re
from collections.abc import Iterator, Mapping

from shared.adapters.outbound.answers import Reason, UnansweredError
from shared.core.public_addresses import Place

OWN = frozenset(
    {
        "accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
        "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""The headers that only this client sets, or nobody, in small letters."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[ -~\t]*[!-~])?)?")
_USUAL = (("Accept", "*/*"), ("User-Agent", "Switchyard"))


def why_unfit_header(name: str, value: str) -> str | None:
    """Return why a request cannot have a header, or None where it can."""
    if _NAME.fullmatch(name) is None:
        return "A header's name has letters, digits and hyphens."
    if name.lower() in OWN:
        return f"The header {name} cannot be chosen."
    if _VALUE.fullmatch(value) is None:
        return f"The value of {name} has characters that a header cannot have, or spaces around it."
    return None


def lines_of(place: Place, headers: Mapping[str, str], *, length: int) -> list[tuple[str, str]]:
    """Return all headers of a request, `length` being its body's in bytes.

    Raises UnansweredError for one that is unfit.
    """
    for name, value in headers.items():
        if why := why_unfit_header(name, value):
            raise UnansweredError(Reason.UNFIT_HEADER, why)
    return [
        ("Host", place.authority),
        *headers.items(),
        *_usual_besides(headers),
        ("Accept-Encoding", "identity"),  # what is packed could unpack to any size
        ("Content-Length", str(length)),
    ]


def _usual_besides(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    given = {name.lower() for name in headers}
    return (each for each in _USUAL if each[0].lower() not in given)
