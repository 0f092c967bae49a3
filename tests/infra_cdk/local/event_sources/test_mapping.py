"""Which queue starts which function."""

from infra_cdk.local.event_sources.mapping import event_sources_of
from infra_cdk.registry import Registered, registry
from shared.manifest.function import Function
from shared.manifest.triggers import DeadLetters, Delivery, Queue, Schedule, Subscribes, Trigger

ONE, TWO, LAST = (Delivery(batch=number) for number in (1, 2, 3))


def function(name: str, *triggers: Trigger) -> Registered:
    return Registered(spec=Function(name=name, triggers=triggers), package=name)


def test_every_queue_and_its_dead_letters_start_a_function() -> None:
    functions = [
        function("listener", Subscribes(("a.b",), ONE)),
        function("keeper", DeadLetters(LAST)),
        function("worker", Queue("work", TWO), Schedule("rate(1 minute)")),
    ]
    found = [(each.queue, each.function, each.delivery) for each in event_sources_of(functions)]
    assert found == [
        ("listener", "listener", ONE),
        ("work", "worker", TWO),
        ("listener-dead", "keeper", LAST),
        ("work-dead", "keeper", LAST),
    ]


def test_without_a_keeper_dead_letters_start_nothing() -> None:
    functions = [function("listener", Subscribes(("a.b",), ONE))]
    assert [each.queue for each in event_sources_of(functions)] == ["listener"]


def test_no_two_pollers_share_a_queue() -> None:
    queues = [each.queue for each in event_sources_of(registry())]
    assert len(queues) == len(set(queues)) > 0
