"""Real queues, in moto's server: `sqs` gives a test the deployment's queues, all of them empty."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

PREFIX = "switchyard-test-"
QUEUES = ("lanterns", "outbox-relay", "tasks")


@dataclass(frozen=True)
class Sqs:
    """The queues, by the names that specs give them, and CloudWatch beside them."""

    url: str

    def client(self, service: str) -> Any:
        return _client_at(self.url, service)

    def make(self, queue: str) -> str:
        """Make a queue, and return its address."""
        address: str = self.client("sqs").create_queue(QueueName=PREFIX + queue)["QueueUrl"]
        return address

    def send(self, queue: str, body: str, *, delay_s: int = 0) -> None:
        sqs = self.client("sqs")
        address = sqs.get_queue_url(QueueName=PREFIX + queue)["QueueUrl"]
        sqs.send_message(QueueUrl=address, MessageBody=body, DelaySeconds=delay_s)

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Take what is there, at most 10 messages; they are hidden from then on."""
        sqs = self.client("sqs")
        address = sqs.get_queue_url(QueueName=PREFIX + queue)["QueueUrl"]
        answer = sqs.receive_message(
            QueueUrl=address,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def bodies(self, queue: str) -> list[str]:
        """The bodies of all messages that are there, in no order."""
        found: list[str] = []
        while messages := self.receive(queue):
            found += [each["Body"] for each in messages]
        return found

    def tell_age(self, queue: str, age_s: float) -> None:
        """Have CloudWatch know how old a queue's oldest message is."""
        self.client("cloudwatch").put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": PREFIX + queue}],
                    # As SQS does: some time after the minute that it is about.
                    "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
                    "Value": age_s,
                }
            ],
        )


def point_at(url: str, *, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the application ask for queues and metrics at an address."""
    from shared.adapters import queues

    for name, value in _environment(url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(queues, "aws_client", lambda service: _client_at(url, service))


_MADE: list[Any] = []


@cache
def _client_at(url: str, service: str) -> Any:
    """Return a client as the application makes it, of where the environment says that `url` is.

    It is made once: that takes longer than most tests.
    """
    from shared.adapters.aws import aws_client

    made = aws_client.__wrapped__(service)
    _MADE.append(made)
    return made


def _environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_SQS": url,
        "AWS_ENDPOINT_URL_CLOUDWATCH": url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    yield url
    while _MADE:
        _MADE.pop().close()
    server.stop()


@pytest.fixture
def queue_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The names of the deployment's queues, in the settings only."""
    from shared.config.messaging import queue_name_settings, queues_settings

    monkeypatch.setenv("QUEUE_PREFIX", PREFIX)
    monkeypatch.setenv("QUEUES", ",".join(QUEUES))
    for settings in (queue_name_settings, queues_settings):
        settings.cache_clear()
    yield
    for settings in (queue_name_settings, queues_settings):
        settings.cache_clear()


@pytest.fixture
def sqs(moto_url: str, queue_names: None, monkeypatch: pytest.MonkeyPatch) -> Sqs:
    """The deployment's queues, empty."""
    httpx.post(f"{moto_url}/moto-api/reset")
    point_at(moto_url, monkeypatch=monkeypatch)
    queues = Sqs(moto_url)
    for name in QUEUES:
        queues.make(name)
    return queues


@pytest.fixture
def no_queues(queue_names: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQS and CloudWatch should be, nothing listens."""
    point_at("http://127.0.0.1:1", monkeypatch=monkeypatch)
