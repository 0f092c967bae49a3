"""Where webhooks may be sent."""

from functools import cache
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

from shared.config.runtime import Environment, runtime_settings

Port = Annotated[int, Field(ge=1, le=65_535)]
"""A port of TCP."""


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return frozenset(part for each in value.split(",") if (part := each.strip()))


class WebhookSettings(BaseSettings):
    """The variables `WEBHOOK_ALLOW_LOOPBACK` and `WEBHOOK_PORTS`, the latter with commas between them.

    With the first, webhooks may be sent to this machine, also by http and at any port. Only `make dev` sets it,
    and elsewhere than on one's own machine it is refused.
    """

    webhook_allow_loopback: bool = False
    webhook_ports: Annotated[
        frozenset[Port], NoDecode, BeforeValidator(_split), Field(min_length=1)
    ] = frozenset({443, 8443})

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        is_local = runtime_settings().environment is Environment.LOCAL
        if self.webhook_allow_loopback and not is_local:
            raise ValueError("WEBHOOK_ALLOW_LOOPBACK is for one's own machine only")
        return self


@cache
def webhook_settings() -> WebhookSettings:
    """Return the settings, read from the environment once per process. Raises ValidationError."""
    return WebhookSettings()
