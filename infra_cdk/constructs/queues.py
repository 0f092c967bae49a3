"""The queues that start functions, each with a queue of dead letters behind it."""

from collections.abc import Iterable, Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.environments import Environment
from infra_cdk.registry import Registered
from shared.manifest.function import OUTBOX_QUEUE, WEBHOOK_QUEUE, Function, Source
from shared.manifest.limits import SQS_RETENTION_S
from shared.manifest.triggers import DeadLetters, Delivery

DEAD = "-dead"
"""What stands behind a queue's name in that of its queue of dead letters."""

RECEIVING_ACTIONS = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
)
"""What Lambda does with a function's role to poll, and `shared.adapters.queues.hide` by itself."""

LOOKING_ACTIONS = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
"""What tells how many messages wait."""


class Queue(Construct):
    """A queue, and the queue that gets what was received too often or could not be delivered to it.

    Both keep a message for as long as SQS does, encrypt it and speak TLS only. The names are fixed,
    because operators and functions go by them.
    """

    def __init__(
        self,
        scope: Construct,
        source: Source,
        *,
        environment: Environment,
        keeper: DeadLetters | None,
    ) -> None:
        super().__init__(scope, source.queue)
        self.source = source
        self.name = f"{environment.prefix}{source.queue}"
        self.dead_letters = _make_queue(
            self,
            "DeadLetters",
            name=f"{self.name}{DEAD}",
            visibility_s=keeper.delivery.visibility_s if keeper else None,
        )
        self.queue = _make_queue(
            self,
            "Queue",
            name=self.name,
            visibility_s=source.delivery.visibility_s,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=source.delivery.max_receives
            ),
        )

    @property
    def arns(self) -> tuple[str, str]:
        """The ARNs of the queue and of its queue of dead letters."""
        return self.queue.queue_arn, self.dead_letters.queue_arn

    def deliver(self, *, to: lambda_.IFunction) -> None:
        """Have Lambda give the messages to a function. Its role must allow it to receive them."""
        _map(self, "Delivery", self.queue, delivery=self.source.delivery, to=to)

    def deliver_dead_letters(self, *, delivery: Delivery, to: lambda_.IFunction) -> None:
        """Have Lambda give the dead letters to a function, likewise."""
        _map(self, "DeadLetterDelivery", self.dead_letters, delivery=delivery, to=to)


class Queues(Construct):
    """Every queue that a function is started by; what is not said by a spec is not made."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: Sequence[Registered],
        environment: Environment,
    ) -> None:
        super().__init__(scope, id_)
        keeper = next(
            (each.spec.dead_letters for each in functions if each.spec.dead_letters), None
        )
        self._queues = {
            source.queue: Queue(self, source, environment=environment, keeper=keeper)
            for each in functions
            for source in each.spec.sources
        }

    @property
    def subscribed(self) -> tuple[Queue, ...]:
        """The queues by which events of the bus come."""
        return tuple(each for each in self._queues.values() if each.source.types)

    @property
    def outbox_url(self) -> str:
        """OUTBOX_QUEUE_URL: the address of the queue that nudges the outbox's relay."""
        return self._queues[OUTBOX_QUEUE].queue.queue_url

    @property
    def webhook_url(self) -> str:
        """WEBHOOK_QUEUE_URL: the address of the queue that nudges the worker of webhooks."""
        return self._queues[WEBHOOK_QUEUE].queue.queue_url

    def deliver(self, spec: Function, *, to: lambda_.IFunction) -> None:
        """Give a function the messages that its triggers ask for."""
        for source in spec.sources:
            self._queues[source.queue].deliver(to=to)
        if spec.dead_letters:
            for each in self._queues.values():
                each.deliver_dead_letters(delivery=spec.dead_letters.delivery, to=to)

    def receiving_statements(self, spec: Function) -> list[iam.PolicyStatement]:
        """Return the permission to receive what `deliver` gives."""
        arns = [self._queues[source.queue].queue.queue_arn for source in spec.sources]
        if spec.dead_letters:
            arns += [each.dead_letters.queue_arn for each in self._queues.values()]
        return _allowed(RECEIVING_ACTIONS, arns)

    def nudging_statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to nudge the outbox's relay."""
        return _allowed(("sqs:SendMessage",), [self._queues[OUTBOX_QUEUE].queue.queue_arn])

    def delivering_statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to nudge the worker of webhooks."""
        return _allowed(("sqs:SendMessage",), [self._queues[WEBHOOK_QUEUE].queue.queue_arn])

    def operating_statements(self) -> list[iam.PolicyStatement]:
        """Return the permission to look at every queue, and to send dead letters to theirs again."""
        queues = self._queues.values()
        return [
            *_allowed(LOOKING_ACTIONS, [arn for each in queues for arn in each.arns]),
            *_allowed(("sqs:SendMessage",), [each.queue.queue_arn for each in queues]),
            # How old messages are, SQS tells CloudWatch alone; a metric is no resource of IAM's.
            iam.PolicyStatement(actions=["cloudwatch:GetMetricData"], resources=["*"]),
        ]


def _allowed(actions: Iterable[str], arns: Sequence[str]) -> list[iam.PolicyStatement]:
    if not arns:
        return []
    return [iam.PolicyStatement(actions=list(actions), resources=list(arns))]


def _make_queue(
    scope: Construct,
    id_: str,
    *,
    name: str,
    visibility_s: int | None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    return sqs.Queue(
        scope,
        id_,
        queue_name=name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.seconds(SQS_RETENTION_S),
        visibility_timeout=None if visibility_s is None else Duration.seconds(visibility_s),
        dead_letter_queue=dead_letter_queue,
    )


def _map(
    scope: Construct, id_: str, queue: sqs.Queue, *, delivery: Delivery, to: lambda_.IFunction
) -> None:
    window_s = delivery.window_s
    # Not the CDK's SqsEventSource, which would have the role's permissions for its own.
    lambda_.EventSourceMapping(
        scope,
        id_,
        target=to,
        event_source_arn=queue.queue_arn,
        batch_size=delivery.batch,
        max_batching_window=Duration.seconds(window_s) if window_s else None,
        max_concurrency=delivery.concurrency,
        report_batch_item_failures=True,
    )
