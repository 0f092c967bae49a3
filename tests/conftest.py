"""The fixtures that all suites share, each family in a plugin of its own."""

import pytest
from _pytest.nodeid import NodeId

pytest_plugins = (
    "tests.cloud_fixtures",
    "tests.database_fixtures",
    "tests.files_fixtures",
    "tests.gateway_fixtures",
    "tests.partner_fixtures",
    "tests.queue_fixtures",
    "tests.web_fixtures",
    "tests.delivery_fixtures",
    "tests.oauth_fixtures",
    "tests.node_fixtures",
    "tests.infra_cdk.synth_fixtures",
    "tests.infra_cdk.local.function_fixtures",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


SHARED = {"cloud": "cloud"}
"""What takes long to make, by the group of the tests that share it: one worker makes it, for all of them."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell pytest-xdist the groups of tests: 3.8.0 writes them where pytest 9.2 does not look.

    Source: pytest-xdist, issue 1386. Once that is mended, the groups of `SHARED` become marks.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        if group := _group_of(item):
            item._id = NodeId.parse(f"{item.nodeid}@{group}")


def _group_of(item: pytest.Item) -> str | None:
    if mark := item.get_closest_marker("xdist_group"):
        return str(mark.args[0])
    used = getattr(item, "fixturenames", ())
    return next((group for fixture, group in SHARED.items() if fixture in used), None)
