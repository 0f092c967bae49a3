"""Telling the worker that deliveries are due, and when others will be."""

from shared.adapters import queues
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric, count
from shared.config.messaging import webhook_queue_settings


async def nudge() -> None:
    """Tell the worker that deliveries are due: `after_commit(session, nudge)`.

    That it fails costs a minute at most, for the worker also runs on schedule: it is counted, not raised.
    """
    await nudge_in(0)


async def nudge_in(delay_s: int) -> None:
    """Tell the worker so many seconds later (at most SQS_DELAY_S), likewise."""
    try:
        await queues.send(webhook_queue_settings().webhook_queue_url, "{}", delay_s=delay_s)
    except Exception:  # noqa: BLE001  # whatever it is, the change is committed
        logger().exception("the worker of webhooks could not be nudged")
        count(Metric.NUDGE_FAILED)
