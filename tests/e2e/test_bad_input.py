"""Whatever is sent, the answer is a problem that names what is wrong, and nothing is half-written.

The requests are written byte by byte: no client library would send most of them.
"""

import http.client
import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.cloud_fixtures import Cloud
from tests.web_fixtures import PASSWORD

ITEMS = "/v2/webapp/items"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    content: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; it is an error that there is none."""
        assert self.media_type == "application/problem+json", self.content
        found: dict[str, Any] = json.loads(self.content)
        assert found["status"] == self.status
        return found

    @property
    def fields(self) -> list[str]:
        """The fields that the problem names."""
        return [".".join(map(str, each["location"])) for each in self.problem["errors"]]


@dataclass(frozen=True)
class Wire:
    """A user's connection to the cloud, on which any bytes can be sent."""

    port: int
    token: str

    def send(self, request: bytes) -> Answer:
        """Send a whole request as it is, and read the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(
                status=response.status,
                media_type=response.headers.get("Content-Type", ""),
                content=response.read(),
            )

    def request(
        self,
        method: bytes,
        target: bytes,
        body: bytes = b"",
        *,
        headers: tuple[bytes, ...] = (b"Content-Type: application/json",),
    ) -> Answer:
        """Send a request of this user, its length declared."""
        lines = [
            method + b" " + target + b" HTTP/1.1",
            b"Host: 127.0.0.1:%d" % self.port,
            b"Authorization: Bearer " + self.token.encode(),
            b"Content-Length: %d" % len(body),
            *headers,
        ]
        return self.send(b"\r\n".join([*lines, b"", body]))

    def post(self, body: bytes, *, to: bytes = ITEMS.encode()) -> Answer:
        """Send a JSON body."""
        return self.request(b"POST", to, body)


@pytest.fixture(scope="module")
def wire(cloud: Cloud) -> Wire:
    name = f"wire-{uuid4().hex[:8]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    with httpx.Client(base_url=f"{cloud.url}/v2/webapp") as client:
        assert client.post("/users", json=user).status_code == 201
        form = {"username": name, "password": PASSWORD}
        token = client.post("/login", data=form).json()["access_token"]
    return Wire(port=cloud.port, token=token)


@pytest.fixture(autouse=True)
def _unwritten(wire: Wire) -> Iterator[None]:
    """Nothing that a test sends leaves an item behind."""
    yield
    assert json.loads(wire.request(b"GET", ITEMS.encode()).content)["items"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_body"),
        (b'{"name": "Lamp"', 400, "malformed_body"),
        (b"{'name': 'Lamp'}", 400, "malformed_body"),
        (b'{"name": "Lamp"} {}', 400, "malformed_body"),
        (b'{"name": "\xff\xfe"}', 400, "malformed_body"),
        (b"\x00", 400, "malformed_body"),
        (b"[" * 50_000, 400, "malformed_body"),
        (b"1" * 10_000, 400, "malformed_body"),
        (b"", 422, "validation_failed"),
        (b"null", 422, "validation_failed"),
        (b"[]", 422, "validation_failed"),
        (b'"Lamp"', 422, "validation_failed"),
        (b"1" * 1_000, 422, "validation_failed"),
        (b"NaN", 422, "validation_failed"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    wire: Wire, body: bytes, status: int, code: str
) -> None:
    answer = wire.post(body)
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert answer.fields[0].startswith("body")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.name"),
        ({"name": 7}, "body.name"),
        ({"name": None}, "body.name"),
        ({"name": ""}, "body.name"),
        ({"name": "x" * 201}, "body.name"),
        ({"name": "x" * 1_000_000}, "body.name"),
        ({"name": "La\0mp"}, "body.name"),
        ({"name": "La\ud800mp"}, "body.name"),
        ({"name": "Lamp", "description": "\0"}, "body.description"),
        ({"name": "Lamp", "description": "\udfff"}, "body.description"),
        ({"name": "Lamp", "colour": "red"}, "body.colour"),
        ({"name": "Lamp", "id": str(uuid4())}, "body.id"),
        ({"name": "Lamp", "\ud800": 1}, "body"),  # a name that no text holds
        ({"name": "Lamp", "tags": ["a"] * 21}, "body.tags"),
        ({"name": "Lamp", "tags": ["a", "\ud800"]}, "body.tags.1"),
        ({"name": "Lamp", "tags": "brass"}, "body.tags"),
        ({"name": "Lamp", "status": "gone"}, "body.status"),
        ({"name": "Lamp", "price": 12}, "body.price"),
        ({"name": "Lamp", "price": {"amount": "1e999999", "currency": "EUR"}}, "body.price.amount"),
        ({"name": "Lamp", "price": {"amount": "9" * 5000, "currency": "EUR"}}, "body.price.amount"),
        ({"name": "Lamp", "price": {"amount": 10**400, "currency": "EUR"}}, "body.price.amount"),
        ({"name": "Lamp", "price": {"amount": "1", "currency": "E\0R"}}, "body.price.currency"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(wire: Wire, body: dict[str, Any], field: str) -> None:
    answer = wire.post(json.dumps(body).encode())
    assert answer.status == 422
    assert answer.fields == [field]


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity", b"9" * 5000])
def test_a_number_beyond_all_bounds_is_refused(wire: Wire, number: bytes) -> None:
    answer = wire.post(b'{"name": "Lamp", "price": {"amount": %s, "currency": "EUR"}}' % number)
    assert answer.status in {400, 422}
    assert answer.fields[0].startswith("body")


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (b"?cursor=x", "query.cursor"),
        (b"?cursor=%00", "query.cursor"),
        (b"?cursor=%FF", "query.cursor"),
        (b"?cursor=" + b"A" * 4096, "query.cursor"),
        (b"?cursor=bnVsbA", "query.cursor"),
        (b"?cursor=W10", "query.cursor"),
        (b"?cursor=WzFlOTk5XQ", "query.cursor"),
        (b"?limit=0", "query.limit"),
        (b"?limit=101", "query.limit"),
        (b"?limit=1.5", "query.limit"),
        (b"?limit=" + b"9" * 5000, "query.limit"),
        (b"?limit=%D9%A1%00", "query.limit"),
        (b"?search=%00", "query.search"),
        (b"?search=" + b"x" * 201, "query.search"),
        (b"?tag=%0A", "query.tag"),
        (b"?sort=price", "query.sort"),
        (b"?status=", "query.status"),
        (b"?colour=red", "query.colour"),
        (b"/x", "path.item_id"),
        (b"/%00", "path.item_id"),
        (b"/%FF", "path.item_id"),
        (b"/%ED%A0%80", "path.item_id"),
        (b"/%zz", "path.item_id"),
        (b"/" + b"0" * 8000, "path.item_id"),
    ],
)
def test_an_address_that_breaks_a_rule_names_the_parameter(
    wire: Wire, target: bytes, field: str
) -> None:
    answer = wire.request(b"GET", ITEMS.encode() + target)
    assert answer.status == 422, answer.content
    assert answer.fields == [field]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/", 404),
        (b"//", 404),
        (b"/nothing", 404),
        (b"/\xff\xfe", 400),
        (ITEMS.encode() + b"?limit=\xff", 400),
        (b"/%00%ff", 404),
        (ITEMS.encode() + b"/", 404),
        (b"/v2/webapp/../../etc/passwd", 404),
        (b"/v2/webapp/items/%2E%2E/users", 404),
        (b"/" + b"x" * 20_000, 413),
        (ITEMS.encode() + b"?search=" + b"x" * 20_000, 413),
    ],
)
def test_an_address_without_a_route_is_a_problem(wire: Wire, target: bytes, status: int) -> None:
    assert wire.request(b"GET", target).problem["status"] == status


@pytest.mark.parametrize(
    "header",
    [
        b"If-None-Match: \xff\xfe",
        b"If-None-Match: 3",
        b'If-None-Match: "' + b"9" * 5000 + b'", x',
    ],
)
def test_a_header_that_breaks_a_rule_is_named(wire: Wire, header: bytes) -> None:
    answer = wire.request(b"GET", ITEMS.encode() + b"/" + str(uuid4()).encode(), headers=(header,))
    assert answer.status == 422
    assert answer.fields == ["header.if-none-match"]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer \xff",
        b"Bearer a.b.c",
        b"Basic eDp5",
        b"\xf0\x9f\x98\x80",
    ],
)
def test_a_strange_authorization_is_a_401(cloud: Cloud, value: bytes) -> None:
    stranger = Wire(port=cloud.port, token="")
    lines = [
        b"GET " + ITEMS.encode() + b" HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Authorization: " + value,
    ]
    assert stranger.send(b"\r\n".join([*lines, b"", b""])).problem["status"] == 401


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET",
        b"GET / HTTP/9.9",
        b"NONSENSE / HTTP/1.1",
        b"\x00 / HTTP/1.1",
        b"GET / HTTP/1.1\r\nX: a\x00b",
        b"\xff\xff\xff",
    ],
)
def test_what_is_no_http_is_a_400(wire: Wire, request_line: bytes) -> None:
    assert wire.send(request_line + b"\r\n\r\n").problem["status"] == 400


@pytest.mark.parametrize(
    "media_type",
    [
        b"text/plain",
        b"application/xml",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data",
        b"application/octet-stream",
        b"\xff/\xff",
    ],
)
def test_another_media_type_is_a_415(wire: Wire, media_type: bytes) -> None:
    headers = (b"Content-Type: " + media_type,)
    answer = wire.request(b"POST", ITEMS.encode(), b'{"name": "Lamp"}', headers=headers)
    assert answer.problem["status"] == 415


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"QUERY"])
def test_another_method_is_a_405(wire: Wire, method: bytes) -> None:
    assert wire.request(method, ITEMS.encode()).problem["status"] == 405


class TestBodies:
    """However a body is sent."""

    HEAD = b"POST " + ITEMS.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"

    def test_a_chunked_body_is_read(self, wire: Wire) -> None:
        authorization = b"Authorization: Bearer " + wire.token.encode() + b"\r\n"
        encoding = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b'5\r\n{"nam\r\n5\r\ne":7}\r\n0\r\n\r\n'
        assert wire.send(self.HEAD + authorization + encoding + chunks).fields == ["body.name"]

    def test_a_broken_chunk_is_a_400(self, wire: Wire) -> None:
        encoding = b"Transfer-Encoding: chunked\r\n\r\n"
        assert wire.send(self.HEAD + encoding + b"zz\r\n{}\r\n0\r\n\r\n").problem["status"] == 400

    @pytest.mark.parametrize("size", [2 * MIB, 7 * MIB, 10 * MIB + 1])
    def test_one_too_large_is_a_413(self, wire: Wire, size: int) -> None:
        assert wire.post(b'{"name": "' + b"x" * size).problem["status"] == 413

    def test_a_length_that_is_no_number_is_a_400(self, wire: Wire) -> None:
        assert wire.send(self.HEAD + b"Content-Length: x\r\n\r\n").problem["status"] == 400


class TestRegistration:
    """A user is there whole, once, or not at all."""

    @pytest.mark.parametrize("taken", ["username", "email"])
    def test_of_many_at_once_one_wins(self, cloud: Cloud, taken: str) -> None:
        shared, together = uuid4().hex[:12], Barrier(20)
        with httpx.Client(base_url=cloud.url, timeout=60) as client:

            def register(number: int) -> httpx.Response:
                name = shared if taken == "username" else f"{shared}-{number}"
                address = shared if taken == "email" else f"{shared}-{number}"
                user = {"username": name, "email": f"{address}@example.com", "password": PASSWORD}
                together.wait()
                return client.post("/v2/webapp/users", json=user)

            with ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(register, range(20)))
        assert Counter(each.status_code for each in answers) == {201: 1, 409: 19}
        refused = [each.json() for each in answers if each.status_code == 409]
        assert {each["code"] for each in refused} == {f"{taken}_taken"}
        assert {tuple(each["errors"][0]["location"]) for each in refused} == {("body", taken)}

    def test_a_refused_one_leaves_its_name_free(self, cloud: Cloud) -> None:
        name = uuid4().hex[:12]
        user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        with httpx.Client(base_url=f"{cloud.url}/v2/webapp") as client:
            for wrong in ({"email": "x"}, {"password": "switchyard-switchyard"}, {"admin": True}):
                assert client.post("/users", json={**user, **wrong}).status_code == 422
            assert client.post("/login", data=user).status_code == 401
            assert client.post("/users", json=user).status_code == 201

    def test_of_a_change_that_is_refused_nothing_is_kept(self, cloud: Cloud) -> None:
        first, second = uuid4().hex[:12], uuid4().hex[:12]
        with httpx.Client(base_url=f"{cloud.url}/v2/webapp") as client:
            for name in (first, second):
                user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
                assert client.post("/users", json=user).status_code == 201
            token = client.post("/login", data=user).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            change = {"username": f"{second}-new", "email": f"{first}@example.com"}
            change["current_password"] = PASSWORD
            assert client.patch("/users/me", json=change).json()["code"] == "email_taken"
            change = {"username": f"{second}-new", "password": "a" * 9 + "quite new one"}
            assert client.patch("/users/me", json=change).json()["code"] == "wrong_password"
            assert client.get("/users/me").json()["username"] == second
