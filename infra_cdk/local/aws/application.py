"""moto's server, and around it what AWS does but moto does not."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from infra_cdk.local.aws.ages import publish_ages
from infra_cdk.local.aws.api_keys import ApiKeys, PlaneError
from infra_cdk.local.aws.client import ADMISSION_PATH, SENT_PATH
from infra_cdk.local.aws.links import Signed, refusal_of
from infra_cdk.local.aws.mail import MAIL_PATH, Outbox, verify_sender
from infra_cdk.local.aws.secrets import PUT_SECRET, keep_secret

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_USAGE = re.compile(r"/usageplans/(?P<plan>[^/]+)/usage")
_PLACING = re.compile(r"/usageplans/(?P<plan>[^/]+)/keys")
_PLACED = re.compile(r"/usageplans/(?P<plan>[^/]+)/keys/(?P<key>[^/]+)/?")
_JSON = "application/json"


class Application:
    """The WSGI application: `aws` is moto's, `place` a directory for what must outlive it, if anything must."""

    def __init__(
        self,
        aws: "WSGIApplication",
        *,
        place: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._aws = aws
        self._place = place
        self._now = now
        self._outbox = Outbox()
        self._api_keys = ApiKeys(place=place, now=now)

    def close(self) -> None:
        """Close what is open."""
        self._api_keys.close()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        return self._answerer(Request(environ))(environ, start_response)

    def _answerer(self, request: Request) -> "WSGIApplication":
        # A browser asks before it sends: that question bears the signature of what it will send.
        if request.method != "OPTIONS" and (
            refusal := refusal_of(_signed(request), now=self._now())
        ):
            return Response(refusal.document, refusal.status, content_type="application/xml")
        if "/apigateway/aws4_request" in request.headers.get("Authorization", ""):
            return self._plane_answerer(request)
        if request.path == SENT_PATH:
            return self._sent(request)
        if request.path == MAIL_PATH and request.method == "POST":
            return self._send(request)
        if request.headers.get("X-Amz-Target") == PUT_SECRET and self._place:
            return self._put_secret(request, place=self._place)
        if "/monitoring/aws4_request" in request.headers.get("Authorization", ""):
            publish_ages(now=self._now())
        return self._aws

    def _plane_answerer(self, request: Request) -> "WSGIApplication":
        """Answer a request to API Gateway's control plane."""
        self._api_keys.prepare()
        try:
            if request.path == ADMISSION_PATH:
                return self._admission(request)
            if request.method == "GET":
                return self._usage(request) or self._aws
            return self._changed(request)
        except PlaneError as error:
            headers = {"x-amzn-ErrorType": error.code}
            return Response(error.document, error.status, headers, content_type=_JSON)

    def _admission(self, request: Request) -> Response:
        if "Origin" in request.headers:
            return Response(status=HTTPStatus.FORBIDDEN)
        verdict = self._api_keys.admit(json.loads(request.get_data())["key"])
        return Response(json.dumps(asdict(verdict)), content_type=_JSON)

    def _usage(self, request: Request) -> Response | None:
        if not (asked := _USAGE.fullmatch(request.path)):
            return None
        usage = self._api_keys.usage(asked["plan"], asked=request.args)
        return Response(json.dumps(usage), content_type=_JSON)

    def _changed(self, request: Request) -> Response:
        body = request.get_data()
        self._check(request, body)
        response = self._passed_on(request, body)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            self._api_keys.keep()
        return response

    def _check(self, request: Request, body: bytes) -> None:
        """Raise PlaneError where API Gateway refuses what moto does, or would fail at."""
        if (asked := _PLACING.fullmatch(request.path)) and request.method == "POST":
            self._api_keys.check_placing(asked["plan"], key_id=json.loads(body)["keyId"])
        if (asked := _PLACED.fullmatch(request.path)) and request.method == "DELETE":
            self._api_keys.check_placed(asked["plan"], key_id=asked["key"])

    def _sent(self, request: Request) -> Response:
        if "Origin" in request.headers:  # a web page of somebody else has no business here
            return Response(status=HTTPStatus.FORBIDDEN)
        return Response(self._outbox.document, content_type="application/json")

    def _put_secret(self, request: Request, *, place: Path) -> Response:
        body = request.get_data()
        response = self._passed_on(request, body)
        if response.status_code == HTTPStatus.OK:
            keep_secret(body, place=place)
        return response

    def _passed_on(self, request: Request, body: bytes) -> Response:
        environ: dict[str, Any] = {**request.environ, "wsgi.input": BytesIO(body)}
        return Response.from_app(self._aws, environ)

    def _send(self, request: Request) -> Response:
        verify_sender()
        body = request.get_data()
        response = self._passed_on(request, body)
        if response.status_code == HTTPStatus.OK:
            self._outbox.keep(body, answer=response.get_data(), now=self._now())
        return response


def _signed(request: Request) -> Signed:
    target = str(request.environ.get("RAW_URI") or request.full_path)
    path, _, query = target.partition("?")
    return Signed(
        method=request.method,
        path=path,
        query=query,
        headers={name.lower(): text for name, text in request.headers.items()},
    )
