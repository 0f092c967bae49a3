"""A trigger that AWS would refuse is refused where it is written."""

import pytest

from shared.manifest.triggers import (
    DeadLetters,
    Delivery,
    Http,
    Queue,
    Schedule,
    Subscribes,
)


class TestPath:
    @pytest.mark.parametrize(
        ("path", "prefix"),
        [
            ("/health", None),
            ("/v1/openapi.json", None),
            ("/.well-known/jwks.json", None),
            ("/v1/webapp/{proxy+}", "/v1/webapp"),
            ("/{proxy+}", ""),
        ],
    )
    def test_an_exact_or_a_greedy_path_is_one(self, path: str, prefix: str | None) -> None:
        assert Http(path).prefix == prefix

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "health",
            "/health/",
            "//health",
            "/v1/{proxy+}/items",
            "/v1/{proxy}",
            "/v1/items?x=1",
            "/v1/it ems",
            "/v1/é",
            "/v1/items\n",
        ],
    )
    def test_anything_else_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="not a REST API path"):
            Http(path)

    @pytest.mark.parametrize("path", ["/ping", "/sping"])
    def test_the_gateways_own_are_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="keeps for itself"):
            Http(path)


class TestDelivery:
    @pytest.mark.parametrize(
        ("name", "least", "most"),
        [
            ("batch", 1, 10),
            ("window_s", 0, 300),
            ("max_receives", 1, 1000),
            ("visibility_s", 0, 43_200),
            ("concurrency", 2, 1000),
        ],
    )
    def test_its_values_are_in_the_ranges_of_aws(self, name: str, least: int, most: int) -> None:
        for value in (least, most):
            assert getattr(Delivery(**{name: value}), name) == value
        for value in (least - 1, most + 1):
            with pytest.raises(ValueError, match=f"{name} must be {least} to {most}, not {value}"):
                Delivery(**{name: value})

    def test_a_window_allows_a_larger_batch(self) -> None:
        assert Delivery(batch=10_000, window_s=1).batch == 10_000
        with pytest.raises(ValueError, match="batch must be 1 to 10000, not 10001"):
            Delivery(batch=10_001, window_s=1)

    def test_concurrency_is_left_to_aws_unless_said(self) -> None:
        assert Delivery().concurrency is None

    def test_what_is_not_said_suits_any_function_behind_the_gateways_limit(self) -> None:
        for delivery in (
            Queue("q").delivery,
            Subscribes(("a.b",)).delivery,
            DeadLetters().delivery,
        ):
            assert delivery.visibility_s >= 6 * 29


class TestQueue:
    @pytest.mark.parametrize("name", ["tasks", "outbox-relay", "a", "q2", "v1-sync"])
    def test_lower_case_kebab_case_is_a_name(self, name: str) -> None:
        assert Queue(name).name == name

    @pytest.mark.parametrize(
        "name", ["", "Tasks", "web_app", "-tasks", "tasks-", "a--b", "2q", "a b", "é", "q.fifo"]
    )
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="not lower-case kebab-case"):
            Queue(name)

    def test_its_name_fits_into_awss_limit_with_all_that_stands_around_it(self) -> None:
        longest = 80 - len("switchyard-production-") - len("-dead")
        assert len(Queue("a" * longest).name) == longest
        with pytest.raises(ValueError, match="too long for AWS"):
            Queue("a" * (longest + 1))

    def test_a_name_of_a_queue_of_dead_letters_is_refused(self) -> None:
        with pytest.raises(ValueError, match="would be one of a queue of dead letters"):
            Queue("tasks-dead")


class TestSubscription:
    @pytest.mark.parametrize(
        "types", [("tasks.task_queued",), ("a.b", "a.c_d"), ("catalog.item2_made",)]
    )
    def test_it_names_types_of_events(self, types: tuple[str, ...]) -> None:
        assert Subscribes(types).types == types

    def test_without_a_type_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one event type"):
            Subscribes(())

    @pytest.mark.parametrize(
        "type_",
        ["", "tasks", "tasks.", ".queued", "tasks.task-queued", "Tasks.Queued", "a.b.c", "a.*"],
    )
    def test_anything_else_is_refused(self, type_: str) -> None:
        with pytest.raises(ValueError, match="is not an event type"):
            Subscribes(("a.b", type_))


class TestSchedule:
    @pytest.mark.parametrize(
        "expression",
        [
            "rate(1 minute)",
            "rate(10 minutes)",
            "rate(1 hour)",
            "rate(36 hours)",
            "rate(1 day)",
            "rate(7 days)",
            "cron(0 3 * * ? *)",
            "cron(0/15 8-18 ? * MON-FRI 2026)",
        ],
    )
    def test_a_rate_or_a_cron_expression_is_one(self, expression: str) -> None:
        assert Schedule(expression).expression == expression

    @pytest.mark.parametrize(
        "expression",
        [
            "",
            "1 minute",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(1.5 hours)",
            "rate(5 seconds)",
            "cron(0 3 * * ?)",
            "cron(0 3 * * ? * *)",
            "at(2026-11-25T00:00:00)",
            "rate(1 minute)\n",
        ],
    )
    def test_anything_else_is_refused(self, expression: str) -> None:
        with pytest.raises(ValueError, match="neither rate"):
            Schedule(expression)

    @pytest.mark.parametrize("expression", ["rate(1 minutes)", "rate(2 minute)", "rate(10 day)"])
    def test_a_number_that_does_not_agree_is_refused(self, expression: str) -> None:
        with pytest.raises(ValueError, match="AWS wants"):
            Schedule(expression)
