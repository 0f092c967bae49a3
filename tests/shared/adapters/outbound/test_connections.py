"""Connections are used again, by their own origin only, for seconds; and there are so many and no more."""

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address

import pytest

from shared.adapters.outbound import outbound
from shared.adapters.outbound.answers import Reason
from shared.adapters.outbound.kept import Kept
from shared.adapters.outbound.limits import Limits
from shared.adapters.outbound.look_up import Resolver
from shared.adapters.outbound.wire import Wire
from shared.config.webhooks import WebhookSettings
from shared.core.public_addresses import Address
from tests.shared.adapters.outbound.conftest import NewClient
from tests.shared.adapters.outbound.receivers import (
    OK,
    FakeDns,
    Receiver,
    Visit,
    answered,
    answering,
    receiving,
    unanswered,
    vet_anything,
)
from tests.shared.adapters.outbound.sockets import Seen

pytestmark = pytest.mark.anyio


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


class Held:
    """A receiver that answers when it is told to, and counts who waits."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.waiting = 0
        self.most = 0
        self.changed = asyncio.Condition()

    async def __call__(self, visit: Visit) -> None:
        while True:
            await visit.request()
            async with self.changed:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
                self.changed.notify_all()
            await self.let_go.wait()
            self.waiting -= 1
            await visit.send(OK)

    async def has(self, number: int) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: self.waiting >= number)


class TestReuse:
    async def test_one_connection_serves_one_request_after_another(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        async with receiving(answering(OK)) as receiver:
            client = new_client()
            for _ in range(5):
                answered(await client.post(receiver.url, headers={}, body=b"{}"))
        assert (receiver.visits, len(receiver.requests), len(seen.connected)) == (1, 5, 1)

    async def test_a_name_is_vetted_again_for_each_new_connection(
        self, new_client: NewClient
    ) -> None:
        dns = FakeDns()
        dns.add("localhost", "127.0.0.1", "10.0.0.1")
        async with receiving(answering(OK)) as receiver:
            client = new_client(resolver=dns, limits=Limits(idle_s=0))
            url = f"http://localhost:{receiver.port}/"
            answered(await client.post(url, headers={}, body=b""))
            outcome = unanswered(await client.post(url, headers={}, body=b""))
        assert (outcome.reason, len(dns.asked)) == (Reason.REFUSED_ADDRESS, 2)

    async def test_another_name_for_the_same_address_has_its_own(
        self, new_client: NewClient
    ) -> None:
        async with receiving(answering(OK)) as receiver:
            client = new_client(resolver=FakeDns(localhost="127.0.0.1"))
            for host in ("127.0.0.1", "localhost", "127.0.0.1", "localhost"):
                url = f"http://{host}:{receiver.port}/"
                answered(await client.post(url, headers={}, body=b""))
        assert receiver.visits == 2

    @pytest.mark.parametrize(
        "answers",
        [
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",),
            (OK + OK,),
            (OK + b"HTTP/1.1 200",),
        ],
    )
    async def test_one_that_is_not_clean_is_not_used_again(
        self, answers: tuple[bytes, ...], new_client: NewClient
    ) -> None:
        async with receiving(answering(*answers)) as receiver:
            client = new_client()
            for _ in range(2):
                answered(await client.post(receiver.url, headers={}, body=b""))
        assert receiver.visits == 2

    async def test_what_comes_unasked_is_nobodys_answer(self, new_client: NewClient) -> None:
        sent = asyncio.Event()

        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.send(OK)
            if len(visit.requests) == 1:
                await asyncio.sleep(0)
                await visit.send(b"HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n")
                sent.set()
            await visit.closed()

        async with receiving(serve) as receiver:
            client = new_client()
            answered(await client.post(receiver.url, headers={}, body=b""))
            await sent.wait()
            for _ in range(3):  # until it has come here
                await asyncio.sleep(0)
            outcome = answered(await client.post(receiver.url, headers={}, body=b""))
        assert (outcome.status, receiver.visits) == (200, 2)

    async def test_one_that_ended_meanwhile_is_replaced(self, new_client: NewClient) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.send(OK)

        async with receiving(serve) as receiver:
            client = new_client()
            for _ in range(5):
                answered(await client.post(receiver.url, headers={}, body=b""))
        assert (receiver.visits, len(receiver.requests)) == (5, 5)

    async def test_one_that_ends_as_the_request_comes_is_replaced_once(
        self, new_client: NewClient
    ) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()
            if len(visit.requests) == 1:
                await visit.send(OK)
                await visit.request()  # and never answer

        async with receiving(serve) as receiver:
            client = new_client()
            answered(await client.post(receiver.url, headers={}, body=b""))
            outcome = unanswered(await client.post(receiver.url, headers={}, body=b"again"))
        assert outcome.reason is Reason.DISCONNECTED
        assert [each.endswith(b"again") for each in receiver.requests] == [False, True, True]

    async def test_a_half_answer_is_not_asked_for_again(self, new_client: NewClient) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.send(OK)
            await visit.request()
            await visit.send(b"HTTP/1.1 200 OK\r\n")

        async with receiving(serve) as receiver:
            client = new_client()
            answered(await client.post(receiver.url, headers={}, body=b""))
            outcome = unanswered(await client.post(receiver.url, headers={}, body=b""))
        assert (outcome.reason, len(receiver.requests)) == (Reason.DISCONNECTED, 2)


class TestKept:
    def wire(self, port: int = 1) -> Wire:
        class Open(asyncio.Transport):
            closed = False

            def is_closing(self) -> bool:
                return self.closed

            def abort(self) -> None:
                self.closed = True

        from shared.adapters.outbound.exchange import new_state

        wire = Wire(("https", "hooks.example.com", port), http=new_state())
        wire.connection_made(Open())
        return wire

    def test_it_is_kept_for_seconds(self) -> None:
        time = 0.0
        kept = Kept(idle_s=4, clock=lambda: time)
        early, late = self.wire(1), self.wire(2)
        kept.keep(early)
        time = 3.9
        kept.keep(late)
        assert (len(kept), early.is_fresh) == (2, True)
        time = 4.0
        assert kept.take(early.origin) is None
        assert (len(kept), early.is_fresh) == (1, False)
        assert kept.take(late.origin) is late
        assert len(kept) == 0

    def test_the_last_that_was_used_is_the_first_to_be_used(self) -> None:
        kept = Kept(idle_s=4)
        wires = [self.wire() for _ in range(3)]
        for each in wires:
            kept.keep(each)
        assert [kept.take(wires[0].origin) for _ in range(4)] == [*reversed(wires), None]

    def test_one_that_ended_is_passed_over(self) -> None:
        kept = Kept(idle_s=4)
        first, second = self.wire(), self.wire()
        kept.keep(first)
        kept.keep(second)
        second.eof_received()
        assert kept.take(first.origin) is first

    def test_the_oldest_makes_room(self) -> None:
        kept = Kept(idle_s=4)
        kept.close_oldest()
        first, second = self.wire(1), self.wire(2)
        kept.keep(first)
        kept.keep(second)
        kept.close_oldest()
        assert (first.is_fresh, second.is_fresh, len(kept)) == (False, True, 1)

    async def test_what_is_kept_and_what_is_used_are_bounded_together(
        self, new_client: NewClient
    ) -> None:
        async def post(receiver: Receiver) -> None:
            answered(await client.post(receiver.url, headers={}, body=b""))

        async with (
            receiving(answering(OK)) as first,
            receiving(answering(OK)) as second,
            receiving(answering(OK)) as third,
        ):
            client = new_client(limits=Limits(connections=2))
            for each in (first, second, third, second, third, first):
                await post(each)
        assert (first.visits, second.visits, third.visits) == (2, 1, 1)


class TestBounds:
    async def test_an_origin_has_its_share_and_the_others_theirs(
        self, new_client: NewClient
    ) -> None:
        slow, quick = Held(), Held()
        quick.let_go.set()
        async with receiving(slow) as one, receiving(quick) as other:
            client = new_client(limits=Limits(connections=4, connections_each=2))
            posts = [
                asyncio.create_task(client.post(one.url, headers={}, body=b"")) for _ in range(6)
            ]
            await slow.has(2)
            for _ in range(5):
                answered(await client.post(other.url, headers={}, body=b""))
            slow.let_go.set()
            for each in await asyncio.gather(*posts):
                answered(each)
        assert (slow.most, one.visits, len(one.requests)) == (2, 2, 6)

    async def test_there_are_so_many_in_all(self, new_client: NewClient) -> None:
        held = [Held() for _ in range(3)]
        async with receiving(held[0]) as a, receiving(held[1]) as b, receiving(held[2]) as c:
            client = new_client(limits=Limits(connections=2, wait_s=0.05))
            posts = [
                asyncio.create_task(client.post(each.url, headers={}, body=b"")) for each in (a, b)
            ]
            await held[0].has(1)
            await held[1].has(1)
            busy = unanswered(await client.post(c.url, headers={}, body=b""))
            for each in held:
                each.let_go.set()
            await asyncio.gather(*posts)
            answered(await client.post(c.url, headers={}, body=b""))
        assert (busy.reason, busy.latency_ms, c.visits) == (Reason.BUSY, 0, 1)

    async def test_waiting_is_not_counted_as_the_others_time(self, new_client: NewClient) -> None:
        held = Held()
        async with receiving(held) as receiver:
            client = new_client(limits=Limits(connections_each=1, total_s=0.2))
            posts = [
                asyncio.create_task(client.post(receiver.url, headers={}, body=b""))
                for _ in range(4)
            ]
            outcomes = [unanswered(each) for each in await asyncio.gather(*posts)]
        # One after another, each had its own time.
        assert {each.reason for each in outcomes} == {Reason.TIMED_OUT}
        assert all(190 <= each.latency_ms < 10_000 for each in outcomes)
        assert receiver.visits == 4

    async def test_what_is_cancelled_gives_its_place_back(self, new_client: NewClient) -> None:
        held = Held()
        async with receiving(held) as receiver:
            client = new_client(limits=Limits(connections=2, connections_each=2))
            for _ in range(10):
                posts = [
                    asyncio.create_task(client.post(receiver.url, headers={}, body=b""))
                    for _ in range(5)
                ]
                await held.has(2)
                for each in posts:
                    each.cancel()
                await asyncio.gather(*posts, return_exceptions=True)
                held.waiting = 0
            held.let_go.set()
            answered(await client.post(receiver.url, headers={}, body=b""))
        assert held.most == 2

    @pytest.mark.parametrize("turns", range(12))
    async def test_whenever_it_is_cancelled(self, turns: int, new_client: NewClient) -> None:
        """httpcore 1.0.9 loses the place for good where this comes while it closes an idle connection."""
        async with receiving(answering(OK)) as one, receiving(answering(OK)) as other:
            client = new_client(limits=Limits(connections=1, wait_s=5))
            answered(await client.post(one.url, headers={}, body=b""))
            post = asyncio.create_task(client.post(other.url, headers={}, body=b""))
            for _ in range(turns):
                await asyncio.sleep(0)
            post.cancel()
            await asyncio.gather(post, return_exceptions=True)
            answered(await client.post(one.url, headers={}, body=b""))
        assert client._room.taken == 0

    async def test_no_origin_is_remembered_for_good(self, new_client: NewClient) -> None:
        client = new_client(allow_loopback=False, resolver=FakeDns())
        for index in range(50):
            await client.post(f"https://n{index}.example.com/", headers={}, body=b"")
        assert len(client._room._each) == 0
        assert len(client._kept._by_origin) == 0


class TestAddresses:
    async def test_the_next_is_tried_where_one_does_not_answer(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        # Nobody listens at that port of the others: these are all this machine.
        addresses = ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
        async with receiving(answering(OK)) as receiver:
            client = new_client(resolver=FakeDns(localhost=addresses))
            answered(await client.post(f"http://localhost:{receiver.port}/", headers={}, body=b""))
        assert [address for address, _ in seen.connected] == addresses

    @pytest.mark.skipif(not has_ipv6(), reason="this machine has no [::1]")
    async def test_one_of_ipv6_is_connected_to_likewise(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        async with receiving(answering(OK), address="::1") as receiver:
            url = f"http://[::1]:{receiver.port}/"
            answered(await new_client().post(url, headers={}, body=b""))
        assert seen.connected == [("::1", receiver.port)]
        assert f"\r\nHost: [::1]:{receiver.port}\r\n".encode() in receiver.requests[0]

    async def test_there_is_a_bound_to_how_many_are(
        self, new_client: NewClient, seen: Seen
    ) -> None:
        addresses = [f"127.0.1.{index}" for index in range(1, 100)]
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        client = new_client(resolver=FakeDns(localhost=addresses))
        outcome = unanswered(await client.post(f"http://localhost:{port}/", headers={}, body=b""))
        assert outcome.reason is Reason.CONNECT_FAILED
        assert len(seen.connected) == 3

    async def test_one_that_swallows_packets_does_not_take_all_the_time(
        self, new_client: NewClient
    ) -> None:
        with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
            port = full.getsockname()[1]
            fillers = [socket.socket() for _ in range(4)]
            for each in fillers:
                each.setblocking(False)
                each.connect_ex(("127.0.0.2", port))
            server = await asyncio.start_server(greet, "127.0.0.1", port)
            client = new_client(
                resolver=FakeDns(localhost=["127.0.0.2", "127.0.0.1"]),
                limits=Limits(connect_s=0.3),
            )
            outcome = await client.post(f"http://localhost:{port}/", headers={}, body=b"")
            server.close()
            for each in fillers:
                each.close()
        assert answered(outcome).status == 200


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    writer.close()


class TestLookUp:
    async def test_a_name_without_address_has_no_answer(self, new_client: NewClient) -> None:
        dns = FakeDns(empty_example_com=[])
        client = new_client(resolver=dns)
        for name in ("empty.example.com", "missing.example.com"):
            outcome = unanswered(await client.post(f"https://{name}/", headers={}, body=b""))
            assert outcome.reason is Reason.DNS_FAILED

    async def test_one_that_hangs_takes_one_thread_and_its_own_time(
        self, new_client: NewClient
    ) -> None:
        let_go, asked = threading.Event(), []

        def look_up(host: str, port: int) -> tuple[Address, ...]:
            asked.append(host)
            if host.startswith("slow"):
                let_go.wait(30)
            return (ip_address("127.0.0.1"),)

        resolver = Resolver(look_up)
        async with receiving(answering(OK)) as receiver:
            client = new_client(
                resolver=resolver, vet=vet_anything, ports={receiver.port},
                limits=Limits(look_up_s=0.5),
            )  # fmt: skip
            slow = f"https://slow.example.com:{receiver.port}/"
            try:
                posts = [client.post(slow, headers={}, body=b"") for _ in range(20)]
                outcomes = [unanswered(each) for each in await asyncio.gather(*posts)]
                url = f"http://localhost:{receiver.port}/"
                answered(await client.post(url, headers={}, body=b""))
            finally:
                let_go.set()
        assert {each.reason for each in outcomes} == {Reason.DNS_FAILED}
        assert "in time" in outcomes[0].text
        assert asked == ["slow.example.com", "localhost"]
        await asyncio.gather(*resolver._pending.values())
        await asyncio.sleep(0)
        assert resolver._pending == {}


class TestModule:
    async def test_posts_share_connections_until_they_are_closed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = WebhookSettings(webhook_allow_loopback=True)
        monkeypatch.setattr(outbound, "webhook_settings", lambda: settings)
        async with receiving(answering(OK)) as receiver:
            for _ in range(2):
                answered(await outbound.post(receiver.url, headers={}, body=b""))
            assert receiver.visits == 1
            await outbound.aclose()
            answered(await outbound.post(receiver.url, headers={}, body=b""))
            await outbound.aclose()
            await outbound.aclose()
        assert receiver.visits == 2

    async def test_without_the_setting_this_machine_is_not_called(
        self, monkeypatch: pytest.MonkeyPatch, seen: Seen
    ) -> None:
        monkeypatch.setattr(outbound, "webhook_settings", WebhookSettings)
        monkeypatch.delenv("WEBHOOK_ALLOW_LOOPBACK", raising=False)
        url = "http://127.0.0.1:8000/"
        assert outbound.why_unfit(url)
        outcome = unanswered(await outbound.post(url, headers={}, body=b""))
        await outbound.aclose()
        assert (outcome.reason, seen.connected) == (Reason.UNFIT_URL, [])

    def test_each_loop_has_its_own_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "webhook_settings", WebhookSettings)

        async def client() -> object:
            return outbound._client()

        with asyncio.Runner() as first, asyncio.Runner() as second:
            one = first.run(client())
            assert first.run(client()) is one
            assert second.run(client()) is not one
            assert len(outbound._clients) == 1
            second.run(outbound.aclose())
