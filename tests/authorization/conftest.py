"""A world to call operations in: an empty database, queues, files, and everybody who may come."""

from uuid import UUID

import pytest

from tests.authorization.world import World
from tests.bucket import Bucket
from tests.database_fixtures import BlankDatabase
from tests.partner_fixtures import FakeGateway
from tests.queue_fixtures import Sqs


@pytest.fixture
def world(
    migrated_database_url: str,
    signing_secret: None,
    quick_hashes: None,
    deny_list: set[UUID],
    sqs: Sqs,
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    blank_database: BlankDatabase,
) -> World:
    Bucket().install(monkeypatch)
    return World(blank_database)
