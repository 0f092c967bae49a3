"""Every periodic job has an event to try it with, and takes it for its own."""

import json

import pytest

from infra_cdk.registry import ROOT, Registered, registry
from shared.core.clock import now
from shared.worker.job import scheduled_moment

JOBS = [each for each in registry() if each.spec.schedules]


@pytest.mark.parametrize("each", JOBS, ids=lambda each: each.spec.name)
def test_a_job_has_an_event_of_its_own(each: Registered) -> None:
    events = sorted((ROOT / "events" / "schedule" / each.spec.name).glob("*.json"))
    assert events
    for event in events:
        moment = scheduled_moment(json.loads(event.read_text()), job=each.spec.name)
        assert moment < now()


@pytest.mark.parametrize("each", JOBS, ids=lambda each: each.spec.name)
def test_a_job_stands_among_the_schedules(each: Registered) -> None:
    # A worker of a queue that is swept as well may stand where its queue's others do.
    places = ("functions.schedules.", *["functions.queues."] * bool(each.spec.sources))
    assert each.package.startswith(places)
