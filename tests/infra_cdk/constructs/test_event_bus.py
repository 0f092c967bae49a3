"""Every subscription has a rule that brings its events, and only those, to its queue."""

from typing import Any

import pytest

from infra_cdk.constructs.event_bus import SOURCE
from infra_cdk.registry import registry
from shared.adapters import event_bus
from shared.manifest.function import Source
from tests.infra_cdk.templates import Template, of_type, spell, the_only

RULE = "AWS::Events::Rule"

SUBSCRIBED = [source for each in registry() for source in each.spec.sources if source.types]
EVERY_SUBSCRIPTION = pytest.mark.parametrize("source", SUBSCRIBED, ids=lambda each: each.queue)


def rule_of(template: Template, source: Source) -> dict[str, Any]:
    rules = of_type(template, RULE).values()
    name = f"switchyard-staging-{source.queue}"
    (found,) = [each["Properties"] for each in rules if each["Properties"]["Name"] == name]
    properties: dict[str, Any] = found
    return properties


class TestBus:
    def test_it_is_named_after_its_environment(
        self, template: Template, production: Template
    ) -> None:
        names = [the_only(each, "AWS::Events::EventBus")["Name"] for each in (template, production)]
        assert names == ["switchyard-staging", "switchyard-production"]

    def test_no_other_account_is_admitted(self, template: Template) -> None:
        assert of_type(template, "AWS::Events::EventBusPolicy") == {}


class TestRule:
    def test_there_is_one_for_each_subscription_and_no_other(self, template: Template) -> None:
        names = {each["Properties"]["Name"] for each in of_type(template, RULE).values()}
        assert names == {f"switchyard-staging-{source.queue}" for source in SUBSCRIBED}

    @EVERY_SUBSCRIPTION
    def test_it_takes_the_types_of_the_spec_from_the_services_own_events(
        self, template: Template, source: Source
    ) -> None:
        rule = rule_of(template, source)
        assert spell(template, rule["EventBusName"]) == "{EventBus/Bus}"
        assert rule.get("State", "ENABLED") == "ENABLED"
        assert rule["EventPattern"] == {
            "source": [event_bus.SOURCE],
            "detail-type": list(source.types),
        }

    def test_the_source_is_what_the_application_says(self) -> None:
        assert SOURCE == event_bus.SOURCE

    @EVERY_SUBSCRIPTION
    def test_it_brings_the_whole_event_to_the_queue(
        self, template: Template, source: Source
    ) -> None:
        (target,) = rule_of(template, source)["Targets"]
        assert spell(template, target["Arn"]) == f"{{Queues/{source.queue}/Queue.Arn}}"
        assert {"Input", "InputPath", "InputTransformer"} & set(target) == set()

    @EVERY_SUBSCRIPTION
    def test_what_cannot_be_delivered_is_a_dead_letter_of_that_queue(
        self, template: Template, source: Source
    ) -> None:
        (target,) = rule_of(template, source)["Targets"]
        arn = target["DeadLetterConfig"]["Arn"]
        assert spell(template, arn) == f"{{Queues/{source.queue}/DeadLetters.Arn}}"
