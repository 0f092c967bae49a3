"""SQLAlchemy's pytest plugin, with the dialect known to it."""

import pytest
from sqlalchemy.dialects import registry

from shared.adapters.database.dialect.dialect import register

register()
# The suite asks a URL whether its dialect is asynchronous; the application asks create_async_engine.
registry.register(
    "postgresql.dataapi_async",
    "shared.adapters.database.dialect.dialect",
    "AsyncDataAPIDialect",
)
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

# How to make and drop databases is looked up beside a dialect's own module; PostgreSQL's serves.
import sqlalchemy.dialects.postgresql.provision  # noqa: E402  # after the rewrite
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403  # the plugin is its names
