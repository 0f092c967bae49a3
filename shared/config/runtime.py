"""Where and as what this process runs."""

from enum import StrEnum
from functools import cache

from pydantic_settings import BaseSettings


class Environment(StrEnum):
    """The kinds of deployment. `local` is `make dev` and the tests."""

    LOCAL = "local"
    STAGING = "staging"
    PRODUCTION = "production"


class RuntimeSettings(BaseSettings):
    """The variables `ENVIRONMENT` and `LOG_LEVEL`."""

    environment: Environment = Environment.LOCAL
    log_level: str = "INFO"

    @property
    def key_mark(self) -> str:
        """What marks the API keys of this environment: one of another is refused by its looks."""
        return "live" if self.environment is Environment.PRODUCTION else self.environment.value


@cache
def runtime_settings() -> RuntimeSettings:
    """Return the settings, read from the environment once per process."""
    return RuntimeSettings()
