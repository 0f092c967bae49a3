"""Presigned S3 links, checked as S3 checks them: moto would take any, for ever.

Source: AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote_to_bytes
from xml.sax.saxutils import escape

ACCESS_KEY = "local"
SECRET_KEY = "local"  # noqa: S105  # what `environment_of` gives the functions: no secret

_UNRESERVED = "-_.~"
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What of a request a signature may cover: path and query as sent, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An error of S3: `details` are the elements of its document beside code and message."""

    status: int
    code: str
    message: str
    details: Mapping[str, str]

    @property
    def document(self) -> str:
        """The XML that S3 answers with."""
        parts = {"Code": self.code, "Message": self.message, **self.details}
        body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>'


def refusal_of(request: Signed, *, now: datetime) -> Refusal | None:
    """Return why S3 would refuse a presigned request; None where it would not, or it is not one."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    given = query.get("X-Amz-Signature")
    if given is None:
        return None
    try:
        signed_at = datetime.strptime(query["X-Amz-Date"], _TIME).replace(tzinfo=UTC)
        expires = signed_at + timedelta(seconds=int(query["X-Amz-Expires"]))
        wanted = _signature_of(request, query=query)
    except (KeyError, ValueError, OverflowError):
        return _refusal(
            400,
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential,"
            " X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    if now >= expires:
        times = {"Expires": _iso(expires), "ServerTime": _iso(now)}
        return _refusal(403, "AccessDenied", "Request has expired", **times)
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        return _refusal(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method.",
        )
    return None


def _signature_of(request: Signed, *, query: Mapping[str, str]) -> str:
    """Sign anew what was signed. Raises KeyError or ValueError where the query does not say what."""
    key, date, region, service, end = query["X-Amz-Credential"].split("/")
    canonical = _canonical(request, names=query["X-Amz-SignedHeaders"])
    text = "\n".join(
        [
            query["X-Amz-Algorithm"],
            query["X-Amz-Date"],
            f"{date}/{region}/{service}/{end}",
            sha256(canonical.encode()).hexdigest(),
        ]
    )
    # Another key than the one that there is would have another secret: nothing matches then.
    signing_key = f"AWS4{SECRET_KEY if key == ACCESS_KEY else ''}".encode()
    for part in (date, region, service, end, text):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    return signing_key.hex()


def _canonical(request: Signed, *, names: str) -> str:
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(text, safe=_UNRESERVED))
        for name, text in parse_qsl(request.query, keep_blank_values=True)
        if name != "X-Amz-Signature"
    )
    headers = [f"{n}:{' '.join(request.headers.get(n, '').split())}\n" for n in names.split(";")]
    return "\n".join(
        [
            request.method,
            quote(unquote_to_bytes(request.path), safe=f"/{_UNRESERVED}"),
            "&".join(f"{name}={text}" for name, text in pairs),
            "".join(headers),
            names,
            request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )


def _refusal(status: int, code: str, message: str, **details: str) -> Refusal:
    return Refusal(status=status, code=code, message=message, details=details)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
