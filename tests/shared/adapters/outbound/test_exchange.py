"""An answer is read to a bound in size and time, and is an answer or none, whatever stands at the other end."""

import asyncio
import gzip

import pytest

from shared.adapters.outbound.answers import Answer, Reason, Unanswered
from shared.adapters.outbound.limits import Limits
from tests.shared.adapters.outbound.conftest import NewClient
from tests.shared.adapters.outbound.receivers import (
    OK,
    Serve,
    Visit,
    answered,
    answering,
    receiving,
    unanswered,
)

pytestmark = pytest.mark.anyio

SHORT = Limits(total_s=0.15)
SMALL = Limits(kept_bytes=1000)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def post_to(
    serve: Serve, new_client: NewClient, *, limits: Limits | None = None, **headers: str
) -> Answer | Unanswered:
    async with receiving(serve) as receiver:
        return await new_client(limits=limits).post(receiver.url, headers=headers, body=b'{"a":1}')


def closing(data: bytes) -> Serve:
    """Take a request, send something and close."""

    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.send(data)
        visit.writer.close()
        await visit.closed()

    return serve


def endless(first: bytes, again: bytes) -> Serve:
    """Send without end."""

    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.send(first)
        while True:
            await visit.send(again)

    return serve


def dripping(first: bytes, drop: bytes) -> Serve:
    """Send a little again and again, each time sooner than any limit for one read."""

    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.send(first)
        while True:
            await asyncio.sleep(0.005)
            await visit.send(drop)

    return serve


class TestRequest:
    async def test_it_is_sent_as_it_was_given(self, new_client: NewClient) -> None:
        async with receiving(answering(OK)) as receiver:
            given = {"Content-Type": "application/json", "webhook-id": "msg_1"}
            url = f"{receiver.url}/%C3%A4?x=1&y=a/b"
            answered(await new_client().post(url, headers=given, body=b'{"a":1}'))
        assert receiver.requests == [
            b"POST /hook/%C3%A4?x=1&y=a/b HTTP/1.1\r\n"
            b"Host: 127.0.0.1:" + str(receiver.port).encode() + b"\r\n"
            b"Content-Type: application/json\r\nwebhook-id: msg_1\r\nAccept: */*\r\nUser-Agent: Switchyard\r\n"
            b'Accept-Encoding: identity\r\nContent-Length: 7\r\n\r\n{"a":1}'
        ]

    async def test_what_has_a_default_can_be_chosen(self, new_client: NewClient) -> None:
        async with receiving(answering(OK)) as receiver:
            given = {"user-agent": "Mine/1", "ACCEPT": "text/plain"}
            answered(await new_client().post(receiver.url, headers=given, body=b""))
        head = receiver.requests[0].lower()
        assert (head.count(b"user-agent"), head.count(b"accept:")) == (1, 1)
        assert b"user-agent: mine/1\r\n" in head

    async def test_a_large_body_arrives_whole(self, new_client: NewClient) -> None:
        async with receiving(answering(OK)) as receiver:
            answered(await new_client().post(receiver.url, headers={}, body=b"x" * 1_000_000))
        assert receiver.requests[0].endswith(b"\r\n\r\n" + b"x" * 1_000_000)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-A", "1\r\nHost: evil.example"),
            ("X-A", "1\nX-B: 2"),
            ("X-A", "1\r"),
            ("X-A", "1\x00"),
            ("X-A", "1\x7f"),
            ("X-A", "1\x85X-B: 2"),
            ("X-A", "1\u010aX-B: 2"),
            ("X-A", " 1"),
            ("X-A", "1 "),
            ("X-A", "\t1"),
            ("X-A\r\nX-B", "1"),
            ("X-A: 1\r\nX-B", "1"),
            ("X A", "1"),
            ("X-A:", "1"),
            ("", "1"),
            ("X-Ä", "1"),
            ("X-\u212a", "1"),
            ("Host", "evil.example"),
            ("hOsT", "evil.example"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("Upgrade", "h2c"),
            ("Expect", "100-continue"),
            ("TE", "trailers"),
            ("Trailer", "X"),
            ("Cookie", "a=b"),
            ("Proxy-Authorization", "Basic x"),
            ("Accept-Encoding", "gzip"),
        ],
    )
    async def test_a_header_that_makes_another_request_of_it_sends_nothing(
        self, name: str, value: str, new_client: NewClient
    ) -> None:
        async with receiving(answering(OK)) as receiver:
            outcome = await new_client().post(receiver.url, headers={name: value}, body=b"")
        assert unanswered(outcome).reason is Reason.UNFIT_HEADER
        assert receiver.visits == 0


class TestAnswer:
    async def test_it_is_status_headers_and_body(self, new_client: NewClient) -> None:
        answer = b"HTTP/1.1 503 No\r\nRetry-After: 120\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 4\r\n\r\nbusy"
        outcome = answered(await post_to(answering(answer), new_client))
        assert (outcome.status, outcome.body, outcome.is_truncated) == (503, b"busy", False)
        assert outcome.headers == {"retry-after": "120", "x-a": "1, 2", "content-length": "4"}
        assert 0 <= outcome.latency_ms < 5_000

    @pytest.mark.parametrize(
        ("answer", "body"),
        [
            (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
            (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b""),
            (CHUNKED + b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: 1\r\n\r\n", b"abc"),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + OK, b"ok"),
        ],
    )
    async def test_every_form_of_it_is_read(
        self, answer: bytes, body: bytes, new_client: NewClient
    ) -> None:
        assert answered(await post_to(answering(answer), new_client)).body == body

    @pytest.mark.parametrize("version", [b"1.0", b"1.1"])
    async def test_so_is_one_that_ends_with_the_connection(
        self, version: bytes, new_client: NewClient
    ) -> None:
        serve = closing(b"HTTP/" + version + b" 200 OK\r\n\r\nto the end")
        assert answered(await post_to(serve, new_client)).body == b"to the end"

    async def test_what_is_packed_stays_so(self, new_client: NewClient) -> None:
        packed = gzip.compress(b"0" * 1_000_000)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        outcome = answered(await post_to(answering(head.encode() + packed), new_client))
        assert outcome.body == packed

    async def test_no_cookie_comes_back(self, new_client: NewClient) -> None:
        answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        async with receiving(answering(answer)) as receiver:
            client = new_client()
            for _ in range(2):
                answered(await client.post(receiver.url, headers={}, body=b""))
        assert b"cookie" not in receiver.requests[1].lower()


class TestSize:
    @pytest.mark.parametrize(("length", "kept"), [(999, 999), (1000, 1000), (1001, 1000)])
    async def test_a_body_is_kept_to_a_bound(
        self, length: int, kept: int, new_client: NewClient
    ) -> None:
        answer = b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length
        outcome = answered(await post_to(answering(answer), new_client, limits=SMALL))
        assert (outcome.status, outcome.body) == (500, b"x" * kept)
        assert outcome.is_truncated is (length > kept)

    @pytest.mark.parametrize(
        ("first", "again"),
        [
            (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n", b"x" * 10_000),
            (CHUNKED, b"1\r\nx\r\n" * 1_000),
            (CHUNKED, b"1;" + b"e" * 9_000 + b"\r\nx\r\n"),
            (CHUNKED, b"2000\r\n" + b"x" * 0x2000 + b"\r\n"),
        ],
    )
    async def test_an_endless_one_is_left_there_and_its_connection_closed(
        self, first: bytes, again: bytes, new_client: NewClient
    ) -> None:
        async with receiving(endless(first, again)) as receiver:
            outcome = await new_client(limits=SMALL).post(receiver.url, headers={}, body=b"")
            async with asyncio.timeout(5):
                await receiver.left.wait()  # its sending fails
        assert answered(outcome).is_truncated
        assert len(answered(outcome).body) <= 1000

    async def test_what_frames_it_counts_as_well(self, new_client: NewClient) -> None:
        sent = 0

        async def serve(visit: Visit) -> None:
            nonlocal sent
            await visit.request()
            await visit.send(CHUNKED)
            while True:
                await visit.send(b"1;" + b"e" * 9_000 + b"\r\nx\r\n")
                sent += 9_000

        async with receiving(serve) as receiver:
            outcome = await new_client().post(receiver.url, headers={}, body=b"")
        assert answered(outcome).is_truncated
        assert sent < 20_000_000  # what the system holds; 16 KiB of such chunks were 147 MB

    @pytest.mark.parametrize(
        ("first", "again"),
        [
            (b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1_000 + b"\r\n"),
            (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 10_000),
            (b"HTTP/1.1 200 ", b"a" * 10_000),
            (b"", b"HTTP/1.1 103 Hints\r\nX-A: 1\r\n\r\n" * 100),
            (b"", b"\r\n" * 1_000),
        ],
    )
    async def test_an_endless_head_is_no_answer(
        self, first: bytes, again: bytes, new_client: NewClient
    ) -> None:
        outcome = unanswered(await post_to(endless(first, again), new_client))
        assert outcome.reason is Reason.PROTOCOL_ERROR

    async def test_headers_are_kept_to_a_bound(self, new_client: NewClient) -> None:
        lines = b"".join(b"X-%d: %s\r\n" % (index, b"a" * 1_000) for index in range(20))
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + lines + b"\r\n"
        outcome = answered(await post_to(answering(answer), new_client))
        assert 7 <= len(outcome.headers) <= 9


class TestTime:
    @pytest.mark.parametrize(
        ("first", "drop"),
        [
            (b"", b"H"),
            (b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n"),
            (b"", b"HTTP/1.1 103 Hints\r\n\r\n"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
            (CHUNKED, b"1\r\nx\r\n"),
        ],
    )
    async def test_drops_do_not_extend_it(
        self, first: bytes, drop: bytes, new_client: NewClient
    ) -> None:
        # One that drips an H is malformed after eight: it stops at the first.
        serve = dripping(first, drop) if drop != b"H" else dripping(b"HTTP/1.1 200 ", drop)
        outcome = unanswered(await post_to(serve, new_client, limits=SHORT))
        assert outcome.reason is Reason.TIMED_OUT
        assert "0.15 s" in outcome.text
        assert 140 <= outcome.latency_ms < 5_000

    async def test_silence_ends_with_it(self, new_client: NewClient) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.closed()

        outcome = unanswered(await post_to(serve, new_client, limits=SHORT))
        assert outcome.reason is Reason.TIMED_OUT

    async def test_an_answer_that_comes_just_in_time_counts(self, new_client: NewClient) -> None:
        limits = Limits(total_s=2.0)

        async def serve(visit: Visit) -> None:
            await visit.request()
            await asyncio.sleep(limits.total_s / 2)  # the time itself is what is tested
            await visit.send(OK)

        outcome = answered(await post_to(serve, new_client, limits=limits))
        assert outcome.status == 200
        assert 1_000 <= outcome.latency_ms < 2_000

    async def test_so_does_a_body_that_nobody_takes(self, new_client: NewClient) -> None:
        async def serve(visit: Visit) -> None:
            visit.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.Event().wait()

        async with receiving(serve) as receiver:
            client = new_client(limits=SHORT)
            outcome = await client.post(receiver.url, headers={}, body=b"x" * 20_000_000)
        assert unanswered(outcome).reason is Reason.TIMED_OUT

    async def test_the_connection_is_closed_then(self, new_client: NewClient) -> None:
        closed = asyncio.Event()

        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.closed()
            closed.set()

        async with receiving(serve) as receiver:
            await new_client(limits=SHORT).post(receiver.url, headers={}, body=b"")
            async with asyncio.timeout(5):
                await closed.wait()

    async def test_by_default_it_is_fifteen_seconds(self) -> None:
        assert Limits().total_s == 15


class TestNoAnswer:
    @pytest.mark.parametrize(
        "data",
        [
            b"nonsense\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 99 Low\r\n\r\n",
            b"HTTP/1.1 2000 Long\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"+PONG\r\n\r\n",
            b"\x16\x03\x01\x00\x05hello",
            b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n Folded: first\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            CHUNKED + b"zz\r\n",
            CHUNKED + b"-1\r\n",
            CHUNKED + b"fffffffffffffffffffffff\r\n",
            CHUNKED + b"1\r\nabc\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        ],
    )
    async def test_what_is_malformed_is_none(self, data: bytes, new_client: NewClient) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.send(data)
            await visit.closed()

        outcome = unanswered(await post_to(serve, new_client, limits=Limits(total_s=5)))
        assert outcome.reason is Reason.PROTOCOL_ERROR

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"H",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            CHUNKED + b"5\r\nhel",
            CHUNKED + b"5\r\nhello\r\n",
            b"HTTP/1.1 103 Hints\r\n\r\n",
        ],
    )
    async def test_what_breaks_off_is_none(self, data: bytes, new_client: NewClient) -> None:
        outcome = unanswered(await post_to(closing(data), new_client))
        assert outcome.reason is Reason.DISCONNECTED

    async def test_a_reset_is_none(self, new_client: NewClient) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()

        outcome = unanswered(await post_to(serve, new_client))
        assert outcome.reason is Reason.DISCONNECTED

    async def test_nor_is_a_port_that_nobody_listens_at(self, new_client: NewClient) -> None:
        async with receiving(answering(OK)) as receiver:
            pass
        outcome = unanswered(await new_client().post(receiver.url, headers={}, body=b""))
        assert outcome.reason is Reason.CONNECT_FAILED
        assert outcome.text == f"The host takes no connection at port {receiver.port}."
