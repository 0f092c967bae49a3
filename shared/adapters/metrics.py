"""Metrics in CloudWatch's embedded format (EMF): a line of the log becomes a data point.

Source: AWS, "Embedded metric format specification".
"""

from enum import StrEnum

NAMESPACE = "Switchyard"
"""Where CloudWatch keeps them."""


class Unit(StrEnum):
    """CloudWatch's own names of the units that are used."""

    COUNT = "Count"
    MILLISECONDS = "Milliseconds"


class Metric(StrEnum):
    """Every metric that the application counts by itself."""

    OUTBOX_PUBLISHED = "OutboxPublished"
    OUTBOX_SET_ASIDE = "OutboxSetAside"
    OUTBOX_LAG = "OutboxLag"
    OUTBOX_WAITING = "OutboxWaiting"
    OUTBOX_OLDEST = "OutboxOldest"
    OUTBOX_KEPT_ASIDE = "OutboxKeptAside"
    NUDGE_FAILED = "NudgeFailed"
    WEBHOOKS_DELIVERED = "WebhooksDelivered"
    WEBHOOKS_FAILED = "WebhooksFailed"
    WEBHOOKS_LAG = "WebhooksLag"
    WEBHOOK_CIRCUITS_OPEN = "WebhookCircuitsOpen"
    WEBHOOK_ENDPOINTS_DISABLED = "WebhookEndpointsDisabled"
    DEAD_LETTERS = "DeadLetters"
    LOGINS_SLOWED = "LoginsSlowed"
    SIGNING_KEYS_ROTATED = "SigningKeysRotated"
    SIGNING_KEYS_STALE = "SigningKeysStale"
    GATEWAY_KEY_DRIFT = "GatewayKeyDrift"
    GATEWAY_KEY_PENDING = "GatewayKeyPending"
    DENY_LIST_DOWN = "DenyListDown"
    REFRESH_TOKEN_REUSED = "RefreshTokenReused"  # noqa: S105  # a metric's name


def count(metric: Metric, value: float = 1, *, unit: Unit = Unit.COUNT, **dimensions: str) -> None:
    """Write one data point at once, with the service as a dimension and `dimensions` besides."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    name, kind = metric.value, MetricUnit(unit)
    with single_metric(name=name, unit=kind, value=value, namespace=NAMESPACE) as written:
        for name, text in dimensions.items():
            written.add_dimension(name=name, value=text)
