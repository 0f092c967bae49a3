"""What docs/webhooks-specification.md says of messages, as a receiver's socket and the libraries of others see it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import standardwebhooks
import svix.webhooks
from jsonschema import Draft202012Validator
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbound import outbound
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.core.errors import ServiceUnavailableError
from shared.core.webhook_signing import UnverifiedError, Verifier
from shared.domains.webhooks import api
from shared.domains.webhooks.schemas import (
    INSTALLATION,
    CreatedEndpoint,
    EndpointChange,
    Replay,
    SecretRotation,
    SecretScheme,
    Verification,
)
from shared.domains.webhooks.service import catalogue, delivering, messages
from shared.domains.webhooks.service.delivering import deliver
from tests.delivery_fixtures import (
    OK,
    Clock,
    Post,
    Rang,
    World,
    add_endpoint,
    answer_of,
    attempts,
    deliveries,
    happen,
    ring,
)
from tests.node_fixtures import Node
from tests.shared.adapters.outbound.receivers import OK as OK_BYTES
from tests.shared.adapters.outbound.receivers import Receiver, answering, receiving
from tests.shared.core.test_webhook_interoperability import encoded

pytestmark = pytest.mark.anyio

NOTE = 'Löwe — "✓"\n'
HOUR = timedelta(hours=1)
"""More than the clocks of these tests and of the journal differ by."""


@pytest.fixture
def bells(webhooks: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue has the event of these tests: of others there is no replay."""
    types = {Rang.public_type: catalogue._type_of(Rang)}
    monkeypatch.setattr(catalogue, "_catalogue", lambda: types)


@pytest.fixture
async def receiver(webhooks: World) -> AsyncIterator[Receiver]:
    """A receiver at a real socket, which notes every byte."""
    async with receiving(answering(OK_BYTES)) as made:
        yield made
        await outbound.aclose()


async def post_all() -> None:
    """Deliver over real connections."""
    await deliver(has_time=lambda: True, post=outbound.post)


async def run(world: World) -> None:
    await deliver(has_time=lambda: True, post=world.post)


def taken_apart(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return the first line, the headers and the body of a request as it came."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    return first, {each.partition(": ")[0]: each.partition(": ")[2] for each in lines}, body


def key_of(endpoint: CreatedEndpoint, place: int = 0) -> str:
    secret = endpoint.secrets[place]
    key = secret.secret or secret.public_key
    assert key
    return key


def is_signed_by(key: str, post: Post, *, at: Any) -> bool:
    try:
        return Verifier.of(key).verify(post.headers, body=post.body, at=at) == str(post.id)
    except UnverifiedError:
        return False


class TestWire:
    async def test_it_is_a_post_whose_body_is_the_payload_and_nothing_else(
        self, receiver: Receiver
    ) -> None:
        await add_endpoint(url=f"{receiver.url}?tenant=1")
        (event_id,) = await ring(7, note=NOTE)
        await api.fan_out([event_id])
        await post_all()
        first, headers, body = taken_apart(receiver.requests[0])
        assert first == "POST /hook?tenant=1 HTTP/1.1"
        assert headers["content-type"] == "application/json"
        assert {name for name in headers if name.startswith("webhook-")} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }
        assert headers["webhook-id"] == str(event_id)
        told = json.loads(body.decode("utf-8"))
        assert list(told) == ["type", "timestamp", "data"]
        data = {"owner_id": None, "bell": "one", "number": 7, "note": NOTE}
        assert (told["type"], told["data"]) == ("bell.rang", data)
        async with autocommit() as session:
            event = (
                await session.scalars(select(PublicEventRow).where(PublicEventRow.id == event_id))
            ).one()
        assert told["timestamp"] == event.occurred_at.isoformat().replace("+00:00", "Z")
        assert event_id.version == 7
        # Minimised, and in UTF-8 rather than in escapes.
        assert body == json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        assert "Löwe" in body.decode()

    @pytest.mark.parametrize("library", ["standardwebhooks", "svix", "standardwebhooks of npm"])
    async def test_libraries_of_others_verify_what_the_worker_posts(
        self, receiver: Receiver, library: str, request: pytest.FixtureRequest
    ) -> None:
        endpoint = await add_endpoint(url=receiver.url, schemes=(SecretScheme.V1A, SecretScheme.V1))
        await api.fan_out(await ring(1, note=NOTE))
        await post_all()
        _, headers, body = taken_apart(receiver.requests[0])
        told = verified(library, request, secret=key_of(endpoint, 1), headers=headers, body=body)
        assert told["data"]["note"] == NOTE


def verified(
    library: str,
    request: pytest.FixtureRequest,
    *,
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Any:
    """Return what a library reads of a request that it has verified."""
    if library == "standardwebhooks":
        return standardwebhooks.Webhook(secret).verify(body, dict(headers))
    if library == "svix":
        svix.webhooks.Webhook(secret).verify(body, dict(headers))  # it raises, and returns nothing
        return json.loads(body)
    node: Node = request.getfixturevalue("node")
    given = {"secret": secret, "headers": dict(headers), "body": encoded(body)}
    return node.ask("library_verify", **given)["payload"]


class TestSigned:
    async def test_tests_and_verifications_are_signed_as_everything_is(
        self, webhooks: World
    ) -> None:
        async def echo(post: Post) -> Any:
            return answer_of(200, body=post.json["data"].get("challenge", "").encode())

        webhooks.answer = echo
        made = {
            f"http://127.0.0.1:9/{each}": await add_endpoint(
                url=f"http://127.0.0.1:9/{each}", event_types=("item.created",), verification=each
            )
            for each in Verification
        }
        await run(webhooks)
        for each in made.values():
            async with unit_of_work() as session:
                await api.test_endpoint(
                    session, each.id, owner=INSTALLATION, event_type="item.created"
                )
        await run(webhooks)
        types = sorted(post.json["type"] for post in webhooks.posts)
        assert types == ["endpoint.verification", *["item.created"] * 4]
        for post in webhooks.posts:
            assert is_signed_by(key_of(made[post.url]), post, at=now())

    async def test_each_attempt_is_signed_anew_and_its_event_stays_when_it_was(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        await happen(1)
        webhooks.answers(answer_of(500), answer_of(500), OK)
        moments = []
        for _ in range(3):
            moments.append(clock.time)
            await run(webhooks)
            clock.move(minutes=10)
        assert len(webhooks.posts) == 3
        for post, at in zip(webhooks.posts, moments, strict=True):
            assert post.headers["webhook-timestamp"] == str(int(at.timestamp()))
            assert is_signed_by(key_of(endpoint), post, at=at)
        assert len({post.headers["webhook-signature"] for post in webhooks.posts}) == 3
        assert len({(post.id, post.body) for post in webhooks.posts}) == 1

    async def test_no_secret_of_an_endpoint_verifies_anothers(
        self, webhooks: World, clock: Clock
    ) -> None:
        both = (SecretScheme.V1, SecretScheme.V1A)
        one = await add_endpoint(url="http://127.0.0.1:9/one", schemes=both)
        other = await add_endpoint(url="http://127.0.0.1:9/other", schemes=both)
        await happen(1)
        await run(webhooks)
        assert len(webhooks.posts) == 2
        for post in webhooks.posts:
            mine, foreign = (one, other) if post.url == one.url else (other, one)
            for place in range(2):
                assert is_signed_by(key_of(mine, place), post, at=clock.time)
                assert not is_signed_by(key_of(foreign, place), post, at=clock.time)

    async def test_an_endpoint_may_have_a_public_key_alone(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint(schemes=(SecretScheme.V1A,))
        await happen(1)
        await run(webhooks)
        (post,) = webhooks.posts
        assert key_of(endpoint).startswith("whpk_")
        assert [each[:4] for each in post.headers["webhook-signature"].split(" ")] == ["v1a,"]
        assert is_signed_by(key_of(endpoint), post, at=clock.time)

    async def test_an_endpoint_changes_to_a_key_of_the_other_kind(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        old = key_of(endpoint)
        rotation = SecretRotation(scheme=SecretScheme.V1A, all_schemes=True, overlap_s=60)
        async with unit_of_work() as session:
            made = await api.rotate_secret(
                session, endpoint.id, owner=INSTALLATION, rotation=rotation
            )
        new = made.public_key or ""
        assert new.startswith("whpk_")
        for seconds, expected in ((59.999, {old, new}), (0.001, {new})):
            clock.move(seconds=seconds)
            await happen(1)
            await run(webhooks)
            post = webhooks.posts[-1]
            assert {key for key in (old, new) if is_signed_by(key, post, at=clock.time)} == expected
            assert len(post.headers["webhook-signature"].split(" ")) == len(expected)

    async def test_in_the_overlap_both_secrets_sign_and_then_the_new_one_alone(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        old = key_of(endpoint)
        async with unit_of_work() as session:
            made = await api.rotate_secret(
                session, endpoint.id, owner=INSTALLATION, rotation=SecretRotation(overlap_s=60)
            )
        new = made.secret or ""
        for seconds, expected in ((59.999, {old, new}), (0.001, {new})):
            clock.move(seconds=seconds)
            await happen(1)
            await run(webhooks)
            post = webhooks.posts[-1]
            assert {key for key in (old, new) if is_signed_by(key, post, at=clock.time)} == expected
            assert len(post.headers["webhook-signature"].split(" ")) == len(expected)

    async def test_an_endpoint_that_changes_keeps_its_secrets(
        self, webhooks: World, clock: Clock
    ) -> None:
        endpoint = await add_endpoint()
        change = EndpointChange(
            url="http://127.0.0.1:9/moved", event_types=("item.*", "*"), description="Moved"
        )
        async with unit_of_work() as session:
            await api.change_endpoint(session, endpoint.id, owner=INSTALLATION, change=change)
        await happen(1)
        await run(webhooks)
        (post,) = webhooks.posts
        assert post.url == "http://127.0.0.1:9/moved"
        assert is_signed_by(key_of(endpoint), post, at=clock.time)


class TestId:
    async def test_attempts_resends_and_replays_of_an_event_have_one_everywhere(
        self, webhooks: World, clock: Clock, bells: None
    ) -> None:
        made = [await add_endpoint(url=f"http://127.0.0.1:9/{number}") for number in range(2)]
        begin = clock.time
        first, second = await happen(1, 2)
        webhooks.answers(answer_of(500), OK)
        for _ in range(2):
            await run(webhooks)
            clock.move(minutes=10)
        before = len(webhooks.posts)
        assert before == 5  # one of them failed at first
        (again, *_) = [each for each in await attempts() if each.event_id == first]
        async with unit_of_work() as session:
            await api.resend(session, again.endpoint_id, owner=INSTALLATION, attempt_id=again.id)
        await run(webhooks)
        asked = Replay(since=begin - HOUR, until=clock.time + HOUR)
        async with unit_of_work() as session:
            await api.replay(session, made[1].id, owner=INSTALLATION, asked=asked)
        await run(webhooks)
        assert len(webhooks.posts) == before + 1 + 2
        assert {(post.number, post.id) for post in webhooks.posts} == {(1, first), (2, second)}

    async def test_what_was_answered_and_not_kept_comes_again_by_its_id(
        self, webhooks: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add_endpoint()
        (event_id,) = await happen(1)

        async def die(*_: object) -> None:
            raise ServiceUnavailableError("the worker is gone")

        with monkeypatch.context() as dying:
            dying.setattr(delivering, "settle", die)
            with pytest.raises(ServiceUnavailableError):
                await run(webhooks)
        assert [post.id for post in webhooks.posts] == [event_id]
        clock.move(seconds=91)
        await run(webhooks)
        assert [post.id for post in webhooks.posts] == [event_id] * 2
        assert [each.state.value for each in await deliveries()] == ["delivered"]


class TestSize:
    async def test_of_the_largest_that_is_whole_one_byte_more_is_thin(
        self, webhooks: World
    ) -> None:
        await add_endpoint()
        empty = await body_of(webhooks, note="")
        room = messages.MOST_BYTES - len(empty)
        whole = await body_of(webhooks, note="x" * room)
        assert len(whole) == messages.MOST_BYTES == 20 * 1024
        assert json.loads(whole)["data"]["note"] == "x" * room
        thin = await body_of(webhooks, note="x" * (room + 1))
        assert set(json.loads(thin)["data"]) == {"owner_id", "url"}
        largest = await body_of(webhooks, note="x" * 39 * 1024)
        assert len(largest) < 1_000


async def body_of(world: World, *, note: str) -> bytes:
    await api.fan_out(await ring(1, note=note))
    await run(world)
    return world.posts[-1].body


class TestCatalogue:
    async def test_the_data_of_what_is_sent_fits_the_schema_of_its_type(
        self, webhooks: World
    ) -> None:
        endpoint = await add_endpoint()
        types = catalogue.event_types()
        for each in types:
            async with unit_of_work() as session:
                await api.test_endpoint(
                    session, endpoint.id, owner=INSTALLATION, event_type=each.name
                )
        async with asyncio.timeout(20):
            await run(webhooks)
        sent = {post.json["type"]: post.json for post in webhooks.posts}
        assert set(sent) == {each.name for each in types}
        for each in types:
            check = Draft202012Validator(
                each.json_schema, format_checker=Draft202012Validator.FORMAT_CHECKER
            )
            check.validate(sent[each.name])


class TestChoice:
    async def test_an_endpoint_is_sent_what_it_asks_for_and_after_a_change_what_it_asks_for_then(
        self, webhooks: World
    ) -> None:
        endpoint = await add_endpoint(event_types=("item.*",))

        async def ask_for(*patterns: str) -> None:
            async with unit_of_work() as session:
                change = EndpointChange(event_types=patterns)
                await api.change_endpoint(session, endpoint.id, owner=INSTALLATION, change=change)

        await happen(1)
        await ask_for("*")
        await happen(2)
        await ask_for("post.created")
        await happen(3)
        await run(webhooks)
        assert [post.number for post in webhooks.posts] == [2]
        assert len(await deliveries()) == 1


class TestReplay:
    async def test_an_endpoint_is_sent_what_happened_before_there_was_one(
        self, webhooks: World, bells: None
    ) -> None:
        ids: list[UUID] = await happen(1, 2)
        assert await deliveries() == []
        endpoint = await add_endpoint()
        begin = (await journal_times())[0]
        asked = Replay(since=begin, until=begin + HOUR)
        async with unit_of_work() as session:
            queued = await api.replay(session, endpoint.id, owner=INSTALLATION, asked=asked)
        assert queued.messages == 2
        await run(webhooks)
        assert [post.id for post in webhooks.posts] == ids


async def journal_times() -> list[Any]:
    async with autocommit() as session:
        moments = select(PublicEventRow.occurred_at).order_by(PublicEventRow.sequence)
        return list(await session.scalars(moments))
