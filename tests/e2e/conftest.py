"""The portal's visitors, for the files that test it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.cloud_fixtures import Cloud
from tests.portal_fixtures import (
    CHROMIUM,
    PATIENCE_MS,
    Owner,
    Portal,
    Receiver,
    owning,
    receiving,
    visiting,
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as which CI runs.
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=PATIENCE_MS)
        yield launched
        launched.close()


@pytest.fixture
def portal(chromium: Browser, cloud: Cloud) -> Iterator[Portal]:
    """A visit that nothing may be wrong with in the end."""
    with visiting(chromium, cloud, permissions=["clipboard-read", "clipboard-write"]) as portal:
        yield portal


@pytest.fixture
def owner(cloud: Cloud) -> Iterator[Owner]:
    with owning(cloud) as owner:
        yield owner


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
