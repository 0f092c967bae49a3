"""The EventBridge bus, and the rules that bring its events to the queues of who subscribed."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.constructs.queues import Queue
from infra_cdk.environments import Environment

SOURCE = "switchyard"
"""The source of this service's events: `shared.adapters.event_bus`, which synthesis may not import."""


class EventBus(Construct):
    """The bus: only this account may put events on it, and only who has the permission."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._bus = events.EventBus(self, "Bus", event_bus_name=f"switchyard-{environment.name}")

    @property
    def name(self) -> str:
        """EVENT_BUS_NAME."""
        return self._bus.event_bus_name

    def subscribe(self, queue: Queue) -> None:
        """Bring the events that the queue's source names to it.

        For 24 hours EventBridge tries to deliver one; after that it is a dead letter of the queue.
        Source: AWS, "How EventBridge retries delivering events".
        """
        dead_letters = events.CfnRule.DeadLetterConfigProperty(arn=queue.dead_letters.queue_arn)
        rule = events.CfnRule(
            self,
            queue.source.queue,
            name=queue.name,
            event_bus_name=self.name,
            event_pattern={"source": [SOURCE], "detail-type": list(queue.source.types)},
            targets=[
                events.CfnRule.TargetProperty(
                    id=queue.name, arn=queue.queue.queue_arn, dead_letter_config=dead_letters
                )
            ],
        )
        for each in (queue.queue, queue.dead_letters):
            _admit(rule, to=each)

    def statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to put events on the bus."""
        return [
            iam.PolicyStatement(actions=["events:PutEvents"], resources=[self._bus.event_bus_arn])
        ]


def _admit(rule: events.CfnRule, *, to: sqs.Queue) -> None:
    to.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            resources=[to.queue_arn],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
        )
    )
