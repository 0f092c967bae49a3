"""The fixtures that all suites share, each family in a plugin of its own."""

import pytest

pytest_plugins = (
    "tests.cloud_fixtures",
    "tests.database_fixtures",
    "tests.files_fixtures",
    "tests.gateway_fixtures",
    "tests.partner_fixtures",
    "tests.queue_fixtures",
    "tests.web_fixtures",
    "tests.oauth_fixtures",
    "tests.infra_cdk.synth_fixtures",
    "tests.infra_cdk.local.function_fixtures",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
