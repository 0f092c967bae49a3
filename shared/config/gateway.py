"""Which of API Gateway's keys and plans are this deployment's."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class GatewaySettings(BaseSettings):
    """The variable `GATEWAY_PREFIX`: what stands before the names of this deployment's keys and plans."""

    gateway_prefix: str = Field(min_length=1)


@cache
def gateway_settings() -> GatewaySettings:
    """Return the settings, read once per process. Raises ValidationError where they are not set."""
    return GatewaySettings()
