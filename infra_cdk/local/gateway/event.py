"""The event of a Lambda proxy integration, payload format 1.0.

Source: AWS, "Lambda proxy integrations in API Gateway", input format.
"""

import base64
import json
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zlib import crc32

from infra_cdk.local.environment import API_ID, STAGE
from infra_cdk.local.gateway.headers import Headers, passed_in
from infra_cdk.local.gateway.keys import Caller
from infra_cdk.local.gateway.request import Request, is_binary
from infra_cdk.local.gateway.routes import Route, decode

ACCOUNT = "000000000000"

_UNKNOWN_IDENTITY = (
    "accessKey",
    "accountId",
    "caller",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "user",
    "userArn",
)


def event_of(request: Request, *, route: Route, caller: Caller | None = None) -> bytes:
    """Return the event, JSON in UTF-8, for the function of `route`; `caller` where it wants a key."""
    headers = _grouped(_with_forwarding(request))
    query = _grouped(_query_of(request), fold=False)
    body, encoded = _body_of(request)
    event = {
        "resource": route.path,
        "path": decode(request.path),
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query),
        "multiValueQueryStringParameters": query,
        "pathParameters": None if route.proxy is None else {"proxy": route.proxy},
        "stageVariables": None,
        "requestContext": _context_of(request, route=route, caller=caller),
        "body": body,
        "isBase64Encoded": encoded,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _context_of(request: Request, *, route: Route, caller: Caller | None) -> dict[str, Any]:
    time = datetime.fromtimestamp(request.time, UTC)
    domain = (request.header("host") or "").rpartition("@")[2].partition(":")[0]
    return {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": request.extended_id,
        "httpMethod": request.method,
        "identity": {
            **dict.fromkeys(_UNKNOWN_IDENTITY),
            **({"apiKey": caller.key, "apiKeyId": caller.key_id} if caller else {}),
            "sourceIp": request.client,
            "userAgent": request.header("user-agent"),
        },
        "path": decode(request.path),
        "protocol": request.protocol,
        "requestId": request.id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S %z"),
        "requestTimeEpoch": int(request.time * 1000),
        "resourceId": f"{crc32(route.path.encode()):08x}"[:6],
        "resourcePath": route.path,
        "stage": STAGE,
    }


def _with_forwarding(request: Request) -> Headers:
    """Return the headers with those that API Gateway sets itself."""
    before = request.header("x-forwarded-for")
    trace = request.header("x-amzn-trace-id")
    own = {
        "X-Forwarded-For": f"{before}, {request.client}" if before else request.client,
        "X-Forwarded-Port": str(request.port),
        "X-Forwarded-Proto": "http",
        "X-Amzn-Trace-Id": trace or f"Root=1-{int(request.time):08x}-{secrets.token_hex(12)}",
    }
    names = {name.lower() for name in own}
    sent = [(name, value) for name, value in request.headers if name.lower() not in names]
    return [*passed_in(sent), *own.items()]


def _query_of(request: Request) -> Headers:
    pairs = parse_qsl(request.query.encode("utf-8", "surrogateescape"), keep_blank_values=True)
    return [
        (name.decode("utf-8", "replace"), value.decode("utf-8", "replace")) for name, value in pairs
    ]


def _body_of(request: Request) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    if is_binary(request.header("content-type")):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", "replace"), False


def _grouped(pairs: Headers, *, fold: bool = True) -> dict[str, list[str]] | None:
    """Return all values of each name; with `fold`, names differing in case only are one."""
    grouped: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for name, value in pairs:
        first = names.setdefault(name.lower() if fold else name, name)
        grouped.setdefault(first, []).append(value)
    return grouped or None


def _last(grouped: dict[str, list[str]] | None) -> dict[str, str] | None:
    return {name: values[-1] for name, values in grouped.items()} if grouped else None
