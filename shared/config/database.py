"""Which database, and by which road."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings


class DatabaseSettings(BaseSettings):
    """The variable `DATABASE_URL`.

    `postgresql+dataapi:///NAME?resource_arn=...&secret_arn=...` is Aurora's Data API;
    `postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME` a direct connection or an RDS Proxy.
    """

    database_url: str = Field(min_length=1, repr=False)
    database_timeout_s: float = Field(default=20.0, gt=0)
    """Longest wait for one statement, in seconds; below the gateway's 29."""


@cache
def database_settings() -> DatabaseSettings:
    """Return the settings, read from the environment once per process.

    Raises ValidationError naming `DATABASE_URL` where it is not set.
    """
    return DatabaseSettings()
