"""The face of webhooks."""

from typing import TYPE_CHECKING

from shared.core.lazy import lazy_module
from shared.domains.webhooks.schemas import EventType

if TYPE_CHECKING:
    from shared.domains.webhooks.service import catalogue
else:
    catalogue = lazy_module("shared.domains.webhooks.service.catalogue")


def event_types() -> tuple[EventType, ...]:
    """Return all types of events that webhooks deliver, in alphabetical order."""
    return catalogue.event_types()
