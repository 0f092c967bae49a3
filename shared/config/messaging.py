"""Where events, messages, files and mail go."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class OutboxSettings(BaseSettings):
    """The variable `OUTBOX_QUEUE_URL`: the queue by which the relay is nudged."""

    outbox_queue_url: str = Field(min_length=1)


class WebhookQueueSettings(BaseSettings):
    """The variable `WEBHOOK_QUEUE_URL`: the queue by which the worker of webhooks is nudged."""

    webhook_queue_url: str = Field(min_length=1)


class EventBusSettings(BaseSettings):
    """The variable `EVENT_BUS_NAME`."""

    event_bus_name: str = Field(min_length=1)


class FilesSettings(BaseSettings):
    """The variable `FILES_BUCKET`."""

    files_bucket: str = Field(min_length=1)


class MailSettings(BaseSettings):
    """The variable `MAIL_FROM`: the address that mail is sent from, which SES must know."""

    mail_from: str = Field(min_length=3)


class QueueNameSettings(BaseSettings):
    """The variable `QUEUE_PREFIX`: what stands on AWS before the name that a spec gives a queue."""

    queue_prefix: str = Field(min_length=1)


class QueuesSettings(QueueNameSettings):
    """The variables `QUEUES`, names with commas between them, and `QUEUE_PREFIX`, before each on AWS."""

    queues: str = Field(min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The queues of this deployment, by the names of the specs."""
        return tuple(self.queues.split(","))


@cache
def outbox_settings() -> OutboxSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return OutboxSettings()


@cache
def webhook_queue_settings() -> WebhookQueueSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return WebhookQueueSettings()


@cache
def event_bus_settings() -> EventBusSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return EventBusSettings()


@cache
def files_settings() -> FilesSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return FilesSettings()


@cache
def mail_settings() -> MailSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return MailSettings()


@cache
def queue_name_settings() -> QueueNameSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return QueueNameSettings()


@cache
def queues_settings() -> QueuesSettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return QueuesSettings()
