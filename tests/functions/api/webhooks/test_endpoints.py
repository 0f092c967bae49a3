"""An endpoint is made, shown, changed, disabled and removed by its owner, and asked whose it is."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from shared.adapters import vault
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox.models import PublicEventRow
from shared.core.clock import now
from shared.domains.audit.models import AuditEntry
from shared.domains.webhooks.models import DeliveryRow, EndpointRow, HealthRow, SecretRow
from shared.domains.webhooks.schemas import Cause, DeliveryState, EndpointState
from shared.domains.webhooks.service import endpoints
from tests.web_fixtures import Log
from tests.webhook_fixtures import (
    DRAFT,
    HOUR,
    Caller,
    Join,
    delivered,
    delivery_of,
    happened,
)

pytestmark = pytest.mark.anyio

DATA_API = pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True)


async def row_of(endpoint_id: str) -> EndpointRow:
    async with autocommit() as session:
        return await session.get_one(EndpointRow, UUID(endpoint_id))


async def deliveries_of(endpoint_id: str, *, cause: Cause) -> list[DeliveryRow]:
    """Return an endpoint's deliveries for a cause, the oldest first."""
    wanted = select(DeliveryRow).where(
        DeliveryRow.endpoint_id == UUID(endpoint_id), DeliveryRow.cause == cause
    )
    async with autocommit() as session:
        return list(await session.scalars(wanted.order_by(DeliveryRow.sequence)))


async def set_state(endpoint_id: str, **values: Any) -> None:
    async with unit_of_work() as session:
        changed = update(EndpointRow).where(EndpointRow.id == UUID(endpoint_id))
        await session.execute(changed.values(values))


def refused(answer: Any) -> tuple[int, list[Any], str]:
    """What is wrong with a request, where, by which rule."""
    (error,) = answer.json()["errors"]
    return answer.status_code, error["location"], error["code"]


class TestCreate:
    async def test_it_is_shown_as_it_was_made_and_its_secret_once(self, user: Caller) -> None:
        made = await user.create(
            description="Orders",
            ordered=True,
            headers={"Authorization": "Bearer s3cret-of-theirs", "X-Tenant": "one"},
            rate_limit=20,
        )
        (secret,) = made.pop("secrets")
        assert secret["secret"].startswith("whsec_")
        assert (secret["scheme"], secret["public_key"], secret["expires_at"]) == ("v1", None, None)
        shown = {name: made[name] for name in ("url", "description", "ordered", "rate_limit")}
        assert shown == {
            "url": DRAFT["url"],
            "description": "Orders",
            "ordered": True,
            "rate_limit": 20,
        }
        assert (made["state"], made["disabled_reason"]) == ("enabled", None)
        assert made["header_names"] == ["Authorization", "X-Tenant"]
        health = {"failures": 0, "failing_since": None, "succeeded_at": None, "paused_until": None}
        assert made["health"] == health
        assert (await user.get(made["id"])).json() == made
        assert (await user.get()).json() == {"items": [made], "next_cursor": None}

    @DATA_API
    async def test_the_answer_says_where_it_is(self, user: Caller) -> None:
        answer = await user.post(**DRAFT)
        assert answer.headers["Location"] == f"webhooks/{answer.json()['id']}"

    async def test_secrets_and_headers_are_kept_sealed_and_stand_in_no_log(
        self, user: Caller, log: Log
    ) -> None:
        made = await user.create(headers={"X-Key": "s3cret-of-theirs"}, schemes=["v1", "v1a"])
        row = await row_of(made["id"])
        sealed = await vault.unseal(row.sealed_headers or "", purpose="webhook-headers")
        assert json.loads(sealed) == {"X-Key": "s3cret-of-theirs"}
        async with autocommit() as session:
            rows = list(await session.scalars(select(SecretRow).order_by(SecretRow.created_at)))
            audited = [str(vars(each)) for each in await session.scalars(select(AuditEntry))]
        texts = [await vault.unseal(each.sealed, purpose="webhook-secret") for each in rows]
        assert texts[0] == made["secrets"][0]["secret"]
        assert texts[1].startswith("whsk_")
        kept = str([vars(each) for each in (row, *rows)]) + str(log()) + str(audited)
        assert not any(each in kept for each in ("s3cret-of-theirs", *texts))

    async def test_both_schemes_have_a_secret_and_the_private_key_is_told_to_nobody(
        self, user: Caller
    ) -> None:
        made = await user.create(schemes=["v1a", "v1"])
        asymmetric, symmetric = made["secrets"]
        assert (asymmetric["scheme"], asymmetric["secret"]) == ("v1a", None)
        assert asymmetric["public_key"].startswith("whpk_")
        assert (symmetric["scheme"], symmetric["public_key"]) == ("v1", None)

    @DATA_API
    async def test_a_scheme_that_is_named_twice_has_one_secret(self, user: Caller) -> None:
        assert len((await user.create(schemes=["v1", "v1"]))["secrets"]) == 1

    @DATA_API
    async def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(
        self, user: Caller
    ) -> None:
        assert (await user.create(rate_limit=20.0))["rate_limit"] == 20

    @DATA_API
    async def test_a_disabled_one_may_be_made(self, user: Caller) -> None:
        made = await user.create(enabled=False)
        assert (made["state"], made["disabled_reason"]) == ("disabled", "by_owner")

    @DATA_API
    async def test_a_pattern_that_comes_twice_is_kept_once(self, user: Caller) -> None:
        made = await user.create(event_types=["item.*", "*", "item.*"])
        assert made["event_types"] == ["item.*", "*"]

    @DATA_API
    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.example.com/",
            "https://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://localhost/",
            "https://hooks.example.com:22/",
            "https://user:pass@hooks.example.com/",
            "https://[::ffff:10.0.0.1]/",
            "https://2130706433/",
        ],
    )
    async def test_an_address_that_nothing_may_be_sent_to_is_refused(
        self, user: Caller, url: str
    ) -> None:
        answer = await user.post(**DRAFT | {"url": url})
        assert refused(answer) == (422, ["body", "url"], "unfit_url")

    @DATA_API
    @pytest.mark.parametrize("pattern", ["item.painted", "lantern.*", "ite.*"])
    async def test_a_pattern_that_no_type_matches_is_refused(
        self, user: Caller, pattern: str
    ) -> None:
        answer = await user.post(**DRAFT | {"event_types": ["item.*", pattern]})
        assert refused(answer) == (422, ["body", "event_types", 1], "unknown_event_type")

    @DATA_API
    @pytest.mark.parametrize(
        "name",
        [
            "webhook-signature",
            "Webhook-Id",
            "HOST",
            "content-type",
            "Content-Length",
            "Connection",
            "transfer-encoding",
            "TE",
            "Upgrade",
            "expect",
            "proxy-authorization",
            "cookie",
            "user-agent",
            "accept-encoding",
        ],
    )
    async def test_a_header_that_is_not_its_owners_to_set_is_refused(
        self, user: Caller, name: str
    ) -> None:
        answer = await user.post(**DRAFT | {"headers": {"X-Fine": "1", name: "x"}})
        assert refused(answer) == (422, ["body", "headers", name], "unfit_header")

    @DATA_API
    async def test_a_header_that_differs_by_case_only_is_refused(self, user: Caller) -> None:
        answer = await user.post(**DRAFT | {"headers": {"X-Key": "1", "x-key": "2"}})
        assert refused(answer) == (422, ["body", "headers", "x-key"], "unfit_header")

    @DATA_API
    @pytest.mark.parametrize(
        "fields",
        [
            {"headers": {"X-Key": "a\r\nX-Other: b"}},
            {"headers": {"X Key": "a"}},
            {"headers": {f"X-{number}": "a" for number in range(11)}},
            {"headers": {"": "a"}},
            {"headers": {"X-Key": None}},
            {"rate_limit": 0},
            {"rate_limit": "20"},
            {"rate_limit": True},
            {"rate_limit": 2.5},
            {"enabled": 0},
            {"ordered": "yes"},
            {"event_types": []},
            {"event_types": ["Item.created"]},
            {"event_types": ["item-created"]},
            {"event_types": ["item..created"]},
            {"event_types": ["*.created"]},
            {"schemes": []},
            {"url": "ftp://hooks.example.com/"},
            {"owner_id": "01a21f71-f022-7168-9b1e-bc8ec34f4157"},
        ],
    )
    async def test_what_breaks_the_schema_is_422(
        self, user: Caller, fields: dict[str, Any]
    ) -> None:
        answer = await user.post(**DRAFT | fields)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")

    @DATA_API
    async def test_what_was_refused_leaves_nothing(self, user: Caller) -> None:
        await user.post(**DRAFT | {"url": "https://10.0.0.1/"})
        assert (await user.get()).json()["items"] == []

    @DATA_API
    async def test_a_body_that_is_none_is_400_another_type_415_a_large_one_413(
        self, user: Caller
    ) -> None:
        async def status(content: str, type_: str = "application/json") -> int:
            headers = {"Content-Type": type_}
            answer = await user.client.post(user.place, content=content, headers=headers)
            return answer.status_code

        assert await status("{") == 400
        assert await status("url=x", "application/x-www-form-urlencoded") == 415
        assert await status('{"url": "' + "x" * 2_000_000 + '"}') == 413


class TestVerification:
    async def test_a_challenge_is_all_that_is_sent_before_it_is_answered(
        self, user: Caller, nudges: list[str]
    ) -> None:
        made = await user.create(verification="challenge")
        assert (made["state"], made["verified_at"]) == ("unverified", None)
        (delivery,) = await deliveries_of(made["id"], cause=Cause.VERIFICATION)
        assert delivery.event_type == "endpoint.verification"
        async with autocommit() as session:
            event = await session.scalar(
                select(PublicEventRow).where(PublicEventRow.id == delivery.event_id)
            )
        row = await row_of(made["id"])
        assert event is not None
        assert event.data == {"challenge": row.challenge}
        assert len(row.challenge or "") >= 43
        assert (event.trial, event.owner_id) == (True, user.id)
        assert event.fanned_out_at is not None
        assert nudges == ["webhook-delivery"]

    @DATA_API
    async def test_a_test_event_is_the_example_of_a_type_that_it_asks_for(
        self, user: Caller
    ) -> None:
        made = await user.create(verification="test_event", event_types=["task.*"])
        (delivery,) = await deliveries_of(made["id"], cause=Cause.VERIFICATION)
        assert delivery.event_type == "task.finished"

    @DATA_API
    async def test_another_url_is_asked_anew_and_an_answer_of_the_old_one_counts_no_more(
        self, user: Caller
    ) -> None:
        made = await user.create(verification="challenge")
        (first,) = await deliveries_of(made["id"], cause=Cause.VERIFICATION)
        challenge = (await row_of(made["id"])).challenge
        async with unit_of_work() as session:
            under_way = update(DeliveryRow).where(DeliveryRow.id == first.id)
            await session.execute(under_way.values(claimed=True))
        answer = await user.patch(made["id"], url="https://other.example.com/in")
        assert answer.json()["state"] == "unverified"
        old, new = await deliveries_of(made["id"], cause=Cause.VERIFICATION)
        assert (old.state, old.claimed) == (DeliveryState.DROPPED, False)
        assert new.state is DeliveryState.PENDING
        assert (await row_of(made["id"])).challenge != challenge

    @DATA_API
    async def test_one_that_is_verified_is_asked_again_at_another_url_only(
        self, user: Caller
    ) -> None:
        made = await user.create(verification="challenge")
        await set_state(made["id"], state=EndpointState.ENABLED, verified_at=now())
        same = await user.patch(made["id"], url=made["url"], description="Same")
        assert (same.json()["state"], same.json()["description"]) == ("enabled", "Same")
        other = await user.patch(made["id"], url="https://other.example.com/in")
        assert (other.json()["state"], other.json()["verified_at"]) == ("unverified", None)

    @DATA_API
    async def test_to_enable_one_that_did_not_answer_asks_once_more(self, user: Caller) -> None:
        made = await user.create(verification="challenge", enabled=False)
        assert (made["state"], made["disabled_reason"]) == ("unverified", "by_owner")
        answer = await user.patch(made["id"], enabled=True)
        assert (answer.json()["state"], answer.json()["disabled_reason"]) == ("unverified", None)
        assert len(await deliveries_of(made["id"], cause=Cause.VERIFICATION)) == 2

    @DATA_API
    async def test_to_disable_one_that_did_not_answer_says_what_it_will_be(
        self, user: Caller
    ) -> None:
        made = await user.create(verification="challenge")
        answer = (await user.patch(made["id"], enabled=False)).json()
        assert (answer["state"], answer["disabled_reason"]) == ("unverified", "by_owner")
        (delivery,) = await deliveries_of(made["id"], cause=Cause.VERIFICATION)
        assert delivery.state is DeliveryState.PENDING


class TestList:
    async def test_pages_go_from_the_newest_to_the_oldest_and_by_state(self, user: Caller) -> None:
        made = [await user.create(enabled=number != 1) for number in range(3)]
        ids = [each["id"] for each in reversed(made)]
        first = (await user.get(limit=2)).json()
        second = (await user.get(limit=2, cursor=first["next_cursor"])).json()
        listed = [each["id"] for page in (first, second) for each in page["items"]]
        assert (listed, second["next_cursor"]) == (ids, None)
        disabled = (await user.get(state="disabled")).json()["items"]
        assert [each["id"] for each in disabled] == [made[1]["id"]]

    @DATA_API
    async def test_a_cursor_of_another_list_is_refused(self, user: Caller) -> None:
        for _ in range(2):
            await user.create()
        cursor = (await user.get(limit=1)).json()["next_cursor"]
        answer = await user.get(state="enabled", cursor=cursor)
        assert refused(answer) == (422, ["query", "cursor"], "invalid_cursor")

    @DATA_API
    async def test_removed_ones_are_no_state_to_ask_for(self, user: Caller) -> None:
        assert (await user.get(state="removed")).status_code == 422


class TestChange:
    async def test_what_is_named_changes_and_the_rest_stays(self, user: Caller) -> None:
        made = await user.create(headers={"X-Key": "1"}, rate_limit=5, description="Old")
        answer = await user.patch(
            made["id"],
            event_types=["post.created"],
            ordered=True,
            rate_limit=None,
            headers={"X-Other": "2"},
        )
        changed = answer.json()
        assert answer.status_code == 200
        assert changed["updated_at"] > made["updated_at"]
        expected = {
            "event_types": ["post.created"],
            "ordered": True,
            "rate_limit": None,
            "header_names": ["X-Other"],
            "updated_at": changed["updated_at"],
        }
        del made["secrets"]
        assert changed == made | expected
        assert (await user.get(made["id"])).json() == changed
        assert (await row_of(made["id"])).version == 2

    @DATA_API
    async def test_headers_stay_with_their_host(self, user: Caller) -> None:
        """Who may change an endpoint may not thereby read its credentials."""
        made = await user.create(url="https://example.com/a", headers={"X-Key": "s3cret"})
        answer = await user.patch(made["id"], url="https://example.net/a")
        assert refused(answer) == (422, ["body", "headers"], "headers_needed")
        assert (await user.get(made["id"])).json()["url"] == "https://example.com/a"
        for change in (
            {"url": "https://example.com/b"},
            {"url": "https://example.net/a", "headers": {"X-Key": "again"}},
            {"url": "https://example.org/a", "headers": {}},
            {"url": "https://example.com/a"},
        ):
            answer = await user.patch(made["id"], **change)
            assert answer.status_code == 200, answer.text

    async def test_headers_can_be_taken_away(self, user: Caller) -> None:
        made = await user.create(headers={"X-Key": "1"})
        assert (await user.patch(made["id"], headers={})).json()["header_names"] == []
        assert (await row_of(made["id"])).sealed_headers is None

    @DATA_API
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"url": "https://192.168.1.1/"}, "unfit_url"),
            ({"event_types": ["lantern.lit"]}, "unknown_event_type"),
            ({"headers": {"host": "x"}}, "unfit_header"),
        ],
    )
    async def test_what_could_not_be_made_so_cannot_become_so(
        self, user: Caller, fields: dict[str, Any], code: str
    ) -> None:
        made = await user.create()
        answer = await user.patch(made["id"], description="New", **fields)
        assert answer.json()["errors"][0]["code"] == code
        assert (await user.get(made["id"])).json()["description"] == ""

    @pytest.mark.parametrize("reason", ["failing", "gone"])
    async def test_to_enable_one_that_failed_forgets_how(self, user: Caller, reason: str) -> None:
        made = await user.create()
        at = now()
        await set_state(
            made["id"], state=EndpointState.DISABLED, disabled_reason=reason, disabled_at=at
        )
        async with unit_of_work() as session:
            health = await session.get_one(HealthRow, UUID(made["id"]))
            health.failures, health.failing_since = 99, at
            health.open_until, health.interval_ms, health.next_at = at + HOUR, 9000, at + HOUR
        before = (await user.get(made["id"])).json()
        assert (before["state"], before["health"]["failures"]) == ("disabled", 99)
        assert before["health"]["paused_until"] is not None
        enabled = (await user.patch(made["id"], enabled=True)).json()
        assert (enabled["state"], enabled["disabled_reason"]) == ("enabled", None)
        assert enabled["disabled_at"] is None
        assert enabled["health"] == made["health"]
        async with autocommit() as session:
            health = await session.get_one(HealthRow, UUID(made["id"]))
        assert health.interval_ms == 0
        assert health.next_at <= now()

    async def test_what_a_disabled_one_was_to_be_sent_is_dropped_and_can_be_sent_again(
        self, user: Caller
    ) -> None:
        made = await user.create()
        waiting = await delivered(
            made["id"], await happened(user.id), state=DeliveryState.PENDING, claimed=False
        )
        on_its_way = await delivered(
            made["id"], await happened(user.id), state=DeliveryState.PENDING, claimed=True
        )
        disabled = (await user.patch(made["id"], enabled=False)).json()
        assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "by_owner")
        assert (await delivery_of(waiting.id)).state is DeliveryState.DROPPED
        # Whoever has it settles it: it may be delivered at this moment.
        assert (await delivery_of(on_its_way.id)).claimed
        await user.patch(made["id"], enabled=True)
        again = await user.post(made["id"], "resend-failed", since=str(now() - HOUR))
        assert again.json()["messages"] == 1
        assert (await delivery_of(waiting.id)).state is DeliveryState.PENDING

    @DATA_API
    async def test_to_enable_an_enabled_one_changes_nothing_of_its_health(
        self, user: Caller
    ) -> None:
        made = await user.create()
        async with unit_of_work() as session:
            (await session.get_one(HealthRow, UUID(made["id"]))).failures = 2
        assert (await user.patch(made["id"], enabled=True)).json()["health"]["failures"] == 2

    @DATA_API
    async def test_what_is_not_its_owners_to_change_is_refused(self, user: Caller) -> None:
        made = await user.create()
        for fields in ({"state": "enabled"}, {"url": None}, {"verification": "none"}):
            assert (await user.patch(made["id"], **fields)).status_code == 422


class TestRemove:
    async def test_it_is_gone_with_its_secrets_and_sent_nothing_more(self, user: Caller) -> None:
        made = await user.create(headers={"X-Key": "1"})
        pending = await delivered(made["id"], await happened(user.id), state=DeliveryState.PENDING)
        assert (await user.delete(made["id"])).status_code == 204
        assert (await delivery_of(pending.id)).state is DeliveryState.DROPPED
        row = await row_of(made["id"])
        assert (row.state, row.sealed_headers) == (EndpointState.REMOVED, None)
        async with autocommit() as session:
            assert list(await session.scalars(select(SecretRow))) == []
        assert (await user.get()).json()["items"] == []
        for path in ((), ("secrets",), ("attempts",), ("statistics",)):
            answer = await user.get(made["id"], *path)
            assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found")
        assert (await user.delete(made["id"])).status_code == 404

    @DATA_API
    async def test_another_may_take_its_place(
        self, user: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)
        made = await user.create()
        refusal = await user.post(**DRAFT)
        assert (refusal.status_code, refusal.json()["code"]) == (409, "too_many_endpoints")
        await user.delete(made["id"])
        assert (await user.post(**DRAFT)).status_code == 201


class TestOthers:
    """What is another's is not there."""

    @DATA_API
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "", None),
            ("PATCH", "", {"description": "Mine"}),
            ("DELETE", "", None),
            ("GET", "/secrets", None),
            ("POST", "/rotate-secret", {"overlap_s": 0}),
            ("GET", "/attempts", None),
            ("GET", f"/attempts/{UUID(int=7)}", None),
            ("POST", f"/attempts/{UUID(int=7)}/resend", None),
            ("POST", "/resend-failed", {"since": "2026-01-01T00:00:00Z"}),
            (
                "POST",
                "/replay",
                {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"},
            ),
            ("POST", "/test", {"event_type": "item.created"}),
            ("GET", "/statistics", None),
        ],
    )
    async def test_an_endpoint_is_404(
        self, user: Caller, join: Join, method: str, path: str, body: dict[str, Any] | None
    ) -> None:
        made = await user.create()
        other = await join()
        for id_ in (made["id"], uuid4()):
            url = f"{other.place}/{id_}{path}"
            answer = await other.client.request(method, url, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found")

    @DATA_API
    async def test_a_list_has_ones_own_only(self, user: Caller, stranger: Caller) -> None:
        await user.create()
        assert (await stranger.get()).json()["items"] == []


class TestTrail:
    @DATA_API
    async def test_what_was_done_is_recorded_with_who_did_it(self, user: Caller) -> None:
        made = await user.create()
        await user.patch(made["id"], description="Orders", rate_limit=3)
        await user.post(made["id"], "rotate-secret", overlap_s=60)
        await user.delete(made["id"])
        async with autocommit() as session:
            entries = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
        assert [each.action for each in entries] == [
            "webhooks.endpoint_created",
            "webhooks.endpoint_changed",
            "webhooks.secret_rotated",
            "webhooks.endpoint_removed",
        ]
        assert {each.subject for each in entries} == {f"endpoint:{made['id']}"}
        assert {each.actor_id for each in entries} == {user.id}
        assert entries[1].details == {"fields": ["description", "rate_limit"]}
