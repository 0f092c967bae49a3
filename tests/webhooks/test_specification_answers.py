"""What docs/webhooks-specification.md says of answers: real ones, of receivers on this machine."""

import asyncio
import socket
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.adapters.outbound.limits import Limits
from shared.adapters.outbound.outbound import Client
from shared.domains.webhooks.schemas import DeliveryState, DisabledReason, EndpointState
from shared.domains.webhooks.service.delivering import Delivered, deliver
from tests.delivery_fixtures import (
    OK,
    Clock,
    Post,
    World,
    add_endpoint,
    answer_of,
    attempts,
    deliveries,
    endpoint_row,
    happen,
)
from tests.shared.adapters.outbound.receivers import OK as OK_BYTES
from tests.shared.adapters.outbound.receivers import Serve, Visit, answering, receiving

pytestmark = pytest.mark.anyio


async def run(world: World) -> Delivered:
    return await deliver(has_time=lambda: True, post=world.post)


async def deliver_to(url: str, *, total_s: float = 15.0, **draft: Any) -> UUID:
    """Send one message over real connections; return the endpoint's id."""
    endpoint = await add_endpoint(url=url, **draft)
    await happen(1)
    client = Client(ports={443}, allow_loopback=True, limits=Limits(total_s=total_s))
    await deliver(has_time=lambda: True, post=client.post)
    await client.aclose()
    return endpoint.id


def saying(status: int, *headers: str) -> Serve:
    lines = "".join(f"{each}\r\n" for each in headers)
    length = "" if status == 204 else "Content-Length: 0\r\n"
    return answering(f"HTTP/1.1 {status} X\r\n{length}{lines}\r\n".encode())


class TestSuccess:
    @pytest.mark.parametrize("status", [200, 201, 204, 299])
    async def test_any_2xx_is_one(self, webhooks: World, status: int) -> None:
        async with receiving(saying(status)) as receiver:
            await deliver_to(receiver.url)
        (delivery,) = await deliveries()
        (attempt,) = await attempts()
        assert delivery.state is DeliveryState.DELIVERED
        assert (attempt.outcome.value, attempt.status_code) == ("succeeded", status)


class TestFailure:
    @pytest.mark.parametrize("status", [300, 400, 404, 429, 500, 502, 503, 504])
    async def test_any_other_status_is_one_and_in_the_log(
        self, webhooks: World, status: int
    ) -> None:
        async with receiving(saying(status)) as receiver:
            await deliver_to(receiver.url)
        assert await failure() == (status, None)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_one_and_not_followed(self, webhooks: World, status: int) -> None:
        async with receiving(answering(OK_BYTES)) as other:
            async with receiving(saying(status, f"Location: {other.url}")) as receiver:
                await deliver_to(receiver.url)
            assert (len(receiver.requests), other.visits) == (1, 0)
        assert await failure() == (status, None)

    async def test_silence_is_one(self, webhooks: World) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()
            await visit.closed()

        async with receiving(serve) as receiver:
            await deliver_to(receiver.url, total_s=0.2)
        assert await failure() == (None, "timed_out")

    async def test_a_connection_that_breaks_is_one(self, webhooks: World) -> None:
        async def serve(visit: Visit) -> None:
            await visit.request()

        async with receiving(serve) as receiver:
            await deliver_to(receiver.url)
        assert await failure() == (None, "disconnected")

    async def test_a_connection_that_is_refused_is_one(self, webhooks: World) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            await deliver_to(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        assert await failure() == (None, "connect_failed")

    async def test_tls_that_fails_is_one(self, webhooks: World) -> None:
        async def serve(visit: Visit) -> None:
            await visit.send(b"HTTP/1.1 400 Plain\r\nContent-Length: 0\r\n\r\n")
            await visit.closed()

        async with receiving(serve) as receiver:
            await deliver_to(receiver.url.replace("http:", "https:"))
        assert await failure() == (None, "tls_failed")


async def failure() -> tuple[int | None, str | None]:
    """Return the status and reason of the one attempt, which failed, and whose message waits for the next."""
    (attempt,) = await attempts()
    (delivery,) = await deliveries()
    assert attempt.outcome.value == "failed"
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert attempt.next_at == delivery.due_at
    assert attempt.next_at - attempt.started_at >= timedelta(seconds=5)
    return attempt.status_code, attempt.failure


class TestGone:
    async def test_410_disables_the_endpoint_and_nothing_more_is_sent(
        self, webhooks: World, clock: Clock
    ) -> None:
        async with receiving(saying(410)) as receiver:
            endpoint_id = await deliver_to(receiver.url)
            await happen(2)
            clock.move(days=1)
            assert (await run(webhooks)).attempts == 0
            assert (len(receiver.requests), webhooks.posts) == (1, [])
        row = await endpoint_row(endpoint_id)
        assert (row.state, row.disabled_reason) == (EndpointState.DISABLED, DisabledReason.GONE)
        assert [each.state for each in await deliveries()] == [DeliveryState.FAILED]

    async def test_what_waited_for_it_is_dropped(self, webhooks: World, clock: Clock) -> None:
        await add_endpoint(ordered=True)
        await happen(1, 2, 3)
        webhooks.answers(answer_of(410))
        await run(webhooks)
        states = [each.state for each in await deliveries()]
        assert states == [DeliveryState.FAILED, DeliveryState.DROPPED, DeliveryState.DROPPED]
        assert len(webhooks.posts) == 1


class TestOverload:
    @pytest.mark.parametrize("status", [429, 502, 504])
    @pytest.mark.parametrize("asked_s", [None, 30])
    async def test_the_endpoint_waits_with_all_its_messages_and_no_other_does(
        self, webhooks: World, clock: Clock, status: int, asked_s: int | None
    ) -> None:
        busy = await add_endpoint(url="http://127.0.0.1:9/busy")
        other = await add_endpoint(url="http://127.0.0.1:9/other")

        overloaded = answer_of(status, retry_after=str(asked_s)) if asked_s else answer_of(status)

        async def answer(post: Post) -> Any:
            return overloaded if post.url == busy.url and post.number == 1 else OK

        webhooks.answer = answer
        await happen(1)
        await run(webhooks)
        await happen(2)
        clock.move(
            seconds=(asked_s or 1) - 0.3
        )  # what is due within a quarter of a second is taken ahead
        await run(webhooks)
        assert sent_to(webhooks, busy.url) == [1]
        assert sent_to(webhooks, other.url) == [1, 2]
        clock.move(seconds=0.3)
        await run(webhooks)
        assert 2 in sent_to(webhooks, busy.url)

    async def test_another_failure_delays_the_one_message_alone(
        self, webhooks: World, clock: Clock
    ) -> None:
        await add_endpoint()
        webhooks.answers(answer_of(503, retry_after="30"), OK)
        await happen(1)
        await run(webhooks)
        await happen(2)
        await run(webhooks)
        assert [post.number for post in webhooks.posts] == [1, 2]


def sent_to(world: World, url: str) -> list[int]:
    return [post.number for post in world.posts if post.url == url]


class TestRetries:
    async def test_what_failed_together_does_not_come_back_together(
        self, webhooks: World, clock: Clock
    ) -> None:
        for number in range(4):
            await add_endpoint(url=f"http://127.0.0.1:9/{number}")
        await happen(1)
        webhooks.answers(answer_of(500))
        await run(webhooks)
        waits = [(each.due_at - clock.time).total_seconds() for each in await deliveries()]
        assert len(set(waits)) == 4
        assert all(5 <= wait <= 5.5 for wait in waits)


class TestEndpoints:
    async def test_each_gets_the_webhook_by_one_id_and_one_that_fails_holds_up_none(
        self, webhooks: World
    ) -> None:
        urls = [f"http://127.0.0.1:9/{number}" for number in range(3)]
        for url in urls:
            await add_endpoint(url=url)
        all_came = asyncio.Event()

        async def answer(post: Post) -> Any:
            if post.url == urls[0]:
                await all_came.wait()
                return answer_of(500)
            if len(webhooks.posts) == 3:
                all_came.set()
            return OK

        webhooks.answer = answer
        (event_id,) = await happen(1)
        async with asyncio.timeout(20):
            await run(webhooks)
        assert {(post.url, post.id) for post in webhooks.posts} == {(url, event_id) for url in urls}
        assert sorted(each.state.value for each in await deliveries()) == [
            "delivered",
            "delivered",
            "pending",
        ]


class TestLog:
    async def test_an_attempt_shows_what_was_sent_and_answered_and_no_secret(
        self, webhooks: World
    ) -> None:
        echoed: list[str] = []

        async def serve(visit: Visit) -> None:
            # As some receivers do: all that came is answered.
            request = (await visit.request()).decode()
            echoed.append(request)
            body = request.encode()
            head = "HTTP/1.1 500 No\r\nSet-Cookie: session=abc123abc\r\nX-Trace: 7\r\n"
            await visit.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

        async with receiving(serve) as receiver:
            await deliver_to(receiver.url, headers={"Authorization": "Bearer s3cret-of-theirs"})
        (attempt,) = await attempts()
        (request,) = echoed
        signature = request.partition("webhook-signature: ")[2].partition("\r\n")[0]
        assert "s3cret-of-theirs" in request
        logged = str(attempt.request) + str(attempt.response)
        for secret in ("s3cret-of-theirs", "abc123abc", signature, signature.partition(",")[2]):
            assert secret not in logged
        assert attempt.request["url"] == receiver.url
        assert attempt.request["headers"]["Authorization"] == "***"
        assert attempt.request["headers"]["webhook-id"] == str(attempt.event_id)
        assert attempt.response is not None
        assert attempt.response["status"] == 500
        assert attempt.response["headers"]["x-trace"] == "7"
        assert attempt.response["body"].startswith("POST /hook HTTP/1.1")
        assert 0 <= attempt.latency_ms < 15_000

    async def test_an_answer_is_kept_to_a_bound_and_as_the_database_can_hold_it(
        self, webhooks: World
    ) -> None:
        webhooks.answers(answer_of(500, body=b"\x00\xff" + b"x" * 5_000, x_long="y" * 5_000))
        await add_endpoint()
        await happen(1)
        await run(webhooks)
        (attempt,) = await attempts()
        assert attempt.response is not None
        assert attempt.response["truncated"] is True
        assert attempt.response["body"].startswith("\ufffd\ufffdxxx")
        assert len(attempt.response["body"].encode()) <= 2_100
        assert attempt.response["headers"]["x-long"] == "y" * 200
