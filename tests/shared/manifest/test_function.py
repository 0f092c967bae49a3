"""A spec that AWS would refuse is refused where it is written."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.manifest.function import Function, Need, Source
from shared.manifest.triggers import (
    DeadLetters,
    Delivery,
    Http,
    Invoke,
    Queue,
    Schedule,
    Subscribes,
    Trigger,
)

HTTP = (Http("/v1/things/{proxy+}"),)
INVOKE = (Invoke(),)
ON_DEPLOY = (Invoke(on_deploy=True),)


class TestName:
    @pytest.mark.parametrize("name", ["webapp", "webhook-delivery", "a", "step2", "v1-sync"])
    def test_lower_case_kebab_case_is_a_name(self, name: str) -> None:
        assert Function(name=name, triggers=INVOKE).name == name

    @pytest.mark.parametrize(
        "name", ["", "Webapp", "web_app", "-webapp", "webapp-", "web--app", "2web", "web app", "é"]
    )
    def test_anything_else_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="not lower-case kebab-case"):
            Function(name=name, triggers=INVOKE)

    def test_it_fits_into_awss_limit_with_the_longest_prefix(self) -> None:
        longest = 64 - len("switchyard-production-")
        assert len(Function(name="a" * longest, triggers=INVOKE).name) == longest
        with pytest.raises(ValueError, match="too long for AWS"):
            Function(name="a" * (longest + 1), triggers=INVOKE)


class TestTriggers:
    def test_a_function_that_nothing_runs_is_refused(self) -> None:
        with pytest.raises(ValueError, match="has no trigger"):
            Function(name="idle", triggers=())

    def test_the_http_ones_are_told_apart(self) -> None:
        function = Function(name="both", triggers=(*INVOKE, *HTTP, Http("/health")))
        assert [http.path for http in function.http] == ["/v1/things/{proxy+}", "/health"]

    @pytest.mark.parametrize(("triggers", "runs"), [(ON_DEPLOY, True), (INVOKE, False)])
    def test_only_some_run_on_deploy(self, triggers: tuple[Invoke], *, runs: bool) -> None:
        assert Function(name="step", triggers=triggers).runs_on_deploy is runs

    def test_a_queue_is_a_source_by_its_own_name(self) -> None:
        delivery = Delivery(batch=3)
        function = Function(name="f", triggers=(Queue("nudges", delivery),))
        assert function.sources == (Source(queue="nudges", delivery=delivery),)

    def test_a_subscription_is_a_source_by_the_name_of_the_function(self) -> None:
        delivery = Delivery(batch=3)
        types = ("tasks.task_queued", "tasks.task_continued")
        function = Function(name="tasks", triggers=(Subscribes(types, delivery),))
        assert function.sources == (Source(queue="tasks", delivery=delivery, types=types),)

    def test_sources_are_in_the_order_of_the_spec(self) -> None:
        triggers = (Queue("b"), *INVOKE, Subscribes(("x.y",)), Queue("a"))
        function = Function(name="f", triggers=triggers)
        assert [source.queue for source in function.sources] == ["b", "f", "a"]

    def test_schedules_are_told_apart(self) -> None:
        first, second = Schedule("rate(1 hour)"), Schedule("cron(0 3 * * ? *)")
        function = Function(name="f", triggers=(first, Queue("q"), second))
        assert function.schedules == (first, second)

    def test_dead_letters_are_no_source_but_a_trigger_of_their_own(self) -> None:
        trigger = DeadLetters(Delivery(visibility_s=60))
        function = Function(name="f", triggers=(trigger,))
        assert (function.dead_letters, function.sources) == (trigger, ())
        assert Function(name="f", triggers=(Queue("q"),)).dead_letters is None


QUEUED = pytest.mark.parametrize(
    "trigger_of",
    [
        lambda delivery: Queue("q", delivery),
        lambda delivery: Subscribes(("a.b",), delivery),
        DeadLetters,
    ],
    ids=["queue", "subscription", "dead letters"],
)


class TestNeeds:
    def test_the_cache_and_the_gateways_keys_are_not_reached_from_one_place(self) -> None:
        needs = frozenset({Need.CACHE, Need.GATEWAY_KEYS})
        with pytest.raises(ValueError, match="'keys' cannot have both"):
            Function(name="keys", triggers=INVOKE, needs=needs)

    @pytest.mark.parametrize("need", [Need.CACHE, Need.GATEWAY_KEYS])
    def test_either_of_them_is(self, need: Need) -> None:
        assert need in Function(name="keys", triggers=INVOKE, needs=frozenset({need})).needs


class TestVisibility:
    @QUEUED
    def test_it_is_no_shorter_than_a_run(self, trigger_of: Callable[[Delivery], Trigger]) -> None:
        triggers = (trigger_of(Delivery(visibility_s=60)),)
        assert Function(name="f", triggers=triggers, timeout_s=60).timeout_s == 60
        with pytest.raises(ValueError, match="visibility_s is shorter than timeout_s"):
            Function(name="f", triggers=triggers, timeout_s=61)

    def test_each_trigger_is_looked_at(self) -> None:
        long, short = (Delivery(visibility_s=seconds) for seconds in (600, 30))
        with pytest.raises(ValueError, match="visibility_s is shorter than timeout_s"):
            Function(name="f", triggers=(Queue("a", long), Queue("b", short)), timeout_s=300)


class TestMemory:
    @pytest.mark.parametrize("memory_mb", [128, 512, 10_240])
    def test_it_is_in_lambdas_range(self, memory_mb: int) -> None:
        assert Function(name="f", triggers=INVOKE, memory_mb=memory_mb).memory_mb == memory_mb

    @pytest.mark.parametrize("memory_mb", [-1, 0, 127, 10_241])
    def test_outside_of_it_is_refused(self, memory_mb: int) -> None:
        with pytest.raises(ValueError, match="128 to 10240"):
            Function(name="f", triggers=INVOKE, memory_mb=memory_mb)


class TestTimeout:
    @pytest.mark.parametrize(("triggers", "longest"), [(HTTP, 29), (ON_DEPLOY, 840), (INVOKE, 900)])
    def test_it_is_no_longer_than_whoever_waits(
        self, triggers: tuple[Any, ...], longest: int
    ) -> None:
        assert Function(name="f", triggers=triggers, timeout_s=longest).timeout_s == longest
        with pytest.raises(ValueError, match=f"timeout_s must be 1 to {longest}"):
            Function(name="f", triggers=triggers, timeout_s=longest + 1)

    @pytest.mark.parametrize("timeout_s", [0, -1])
    def test_it_is_at_least_a_second(self, timeout_s: int) -> None:
        with pytest.raises(ValueError, match="timeout_s must be 1"):
            Function(name="f", triggers=INVOKE, timeout_s=timeout_s)


def test_a_spec_cannot_be_changed() -> None:
    function = Function(name="f", triggers=INVOKE, needs=frozenset({Need.CACHE}))
    with pytest.raises(AttributeError):
        function.name = "g"  # type: ignore[misc]  # what the test is about
