"""What one deployed Lambda function is, as data: every `functions/**/spec.py` holds one `SPEC`.

Three readers share it: the CDK stacks, the local runner and the tests. Standard library only, so
that reading a spec never loads an application.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from shared.manifest.limits import (
    DEPLOYMENT_STEP_TIMEOUT_S,
    FUNCTION_NAME_CHARACTERS,
    GATEWAY_TIMEOUT_S,
    LAMBDA_MEMORY_MB,
    LAMBDA_TIMEOUT_S,
)
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

OUTBOX_QUEUE = "outbox-relay"
"""The queue whose messages say no more than that the outbox has rows."""

WEBHOOK_QUEUE = "webhook-delivery"
"""The queue whose messages say no more than that deliveries of webhooks are due."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_PREFIX = len("switchyard-production-")


class Need(StrEnum):
    """Something outside the process that a function uses.

    A need brings its permission, its place in the network and its environment variables: see
    `shared.manifest.environment`.
    """

    DATABASE = "database"
    CACHE = "cache"
    SIGNING_KEY = "signing-key"
    """To sign access tokens, and to tell whether one was signed here."""
    SIGNING_KEY_ROTATION = "signing-key-rotation"
    """To replace the keys that access tokens are signed with."""
    VAULT = "vault"
    """To make keyed digests, and to seal what must be read again."""
    OPENID_PROVIDERS = "openid-providers"
    """To have users sign in by outside providers, and to read the secrets that those know it by.

    They are on the internet: such a function stands in no network.
    """
    PASSKEYS = "passkeys"
    """To make and verify passkeys, which are one site's: nothing outside the process, but a variable."""
    GATEWAY_KEYS = "gateway-keys"
    """To make and remove API Gateway's API keys, to put them on plans, and to read their usage.

    API Gateway's control plane is on no private network: such a function stands in none.
    """
    OUTBOX = "outbox"
    """To add events: the relay is nudged after each commit that did."""
    WEBHOOKS = "webhooks"
    """To have webhooks delivered: the worker is nudged after each commit that made some due."""
    EVENT_BUS = "event-bus"
    """To put events on the bus: the relay's alone."""
    FILES = "files"
    """To keep files in the bucket, and to give links to them."""
    MAIL = "mail"
    """To send mail."""
    QUEUES = "queues"
    """To look at every queue and to send to it again: for operators."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A queue and how its messages are delivered: of a Queue or a Subscribes trigger."""

    queue: str
    delivery: Delivery
    types: tuple[str, ...] = ()
    """The types of the events that come by it; none for a queue that is sent to."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One deployed Lambda function.

    `name` is unique in the project. `extras` are the optional dependencies of pyproject.toml that
    its bundle carries. `memory_mb` is in MB, `timeout_s` in seconds, `bundle_mib` the ceiling of
    its unzipped bundle in MiB. Raises ValueError where AWS would refuse the values.
    """

    name: str
    triggers: tuple[Trigger, ...]
    needs: frozenset[Need] = frozenset()
    extras: frozenset[str] = frozenset()
    memory_mb: int = 512
    timeout_s: int = GATEWAY_TIMEOUT_S
    bundle_mib: int = 60

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"function name {self.name!r} is not lower-case kebab-case")
        if len(self.name) + _LONGEST_PREFIX > FUNCTION_NAME_CHARACTERS:
            raise ValueError(f"function name {self.name!r} is too long for AWS with its prefix")
        if not self.triggers:
            raise ValueError(f"function {self.name!r} has no trigger: nothing would ever run it")
        if self.memory_mb not in LAMBDA_MEMORY_MB:
            raise ValueError(f"function {self.name!r}: memory_mb must be 128 to 10240")
        if not 1 <= self.timeout_s <= self._longest_timeout_s:
            raise ValueError(
                f"function {self.name!r}: timeout_s must be 1 to {self._longest_timeout_s}"
            )
        self._refuse_two_places()
        for delivery in self._deliveries:
            if delivery.visibility_s < self.timeout_s:
                # AWS refuses it: a message would come again while it is still being handled.
                raise ValueError(f"function {self.name!r}: visibility_s is shorter than timeout_s")

    @property
    def http(self) -> tuple[Http, ...]:
        """The HTTP triggers, in the order of the spec."""
        return tuple(trigger for trigger in self.triggers if isinstance(trigger, Http))

    @property
    def sources(self) -> tuple[Source, ...]:
        """The queues that start it, in the order of the spec."""
        return tuple(
            Source(queue=trigger.name, delivery=trigger.delivery)
            if isinstance(trigger, Queue)
            else Source(queue=self.name, delivery=trigger.delivery, types=trigger.types)
            for trigger in self.triggers
            if isinstance(trigger, Queue | Subscribes)
        )

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules, in the order of the spec."""
        return tuple(trigger for trigger in self.triggers if isinstance(trigger, Schedule))

    @property
    def dead_letters(self) -> DeadLetters | None:
        """The trigger by which it gets every queue's dead letters, or None."""
        return next((each for each in self.triggers if isinstance(each, DeadLetters)), None)

    @property
    def runs_on_deploy(self) -> bool:
        """Whether each deployment runs it once, before the functions behind the API change."""
        return Invoke(on_deploy=True) in self.triggers

    def _refuse_two_places(self) -> None:
        if {Need.CACHE, Need.GATEWAY_KEYS} <= self.needs:
            raise ValueError(
                f"function {self.name!r} cannot have both the needs cache and gateway-keys: the cache is"
                " in a network that API Gateway's control plane cannot be reached from"
            )

    @property
    def _deliveries(self) -> tuple[Delivery, ...]:
        queued = (Queue, Subscribes, DeadLetters)
        return tuple(each.delivery for each in self.triggers if isinstance(each, queued))

    @property
    def _longest_timeout_s(self) -> int:
        # Behind the gateway a longer run could only work for a client that has its 504 already.
        if self.http:
            return GATEWAY_TIMEOUT_S
        return DEPLOYMENT_STEP_TIMEOUT_S if self.runs_on_deploy else LAMBDA_TIMEOUT_S
