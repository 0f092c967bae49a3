"""The daily run replaces a key that is old; an event says that one shall be replaced now."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from functions.schedules.rotate_signing_key.handler import NotRotatedError, handler
from infra_cdk.registry import ROOT
from shared.adapters import secrets, signing_keys
from shared.adapters.database.sessions import autocommit
from shared.core.clock import now
from shared.core.key_ring import KeyRing, Rotation
from shared.domains.audit.models import AuditEntry
from shared.worker.job import MalformedScheduleError
from shared.worker.loop import run
from tests.lambda_context import LambdaContext
from tests.web_fixtures import Log

EVENTS = ROOT / "events/schedule/rotate-signing-key"
SCHEDULED = json.loads((EVENTS / "scheduled.json").read_text())
COMPROMISED = json.loads((EVENTS / "compromised.json").read_text())


@pytest.fixture
def texts(
    migrated_database_url: str, signing_secret: None, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What the secret held, oldest first."""
    texts = ["generated"]

    async def newest_text(_: str) -> str:
        return texts[-1]

    async def replace_secret(_: str, text: str) -> None:
        texts.append(text)

    monkeypatch.setattr(secrets, "newest_text", newest_text)
    monkeypatch.setattr(secrets, "replace_secret", replace_secret)
    signing_keys.forget_keys()
    return texts


def report_of(event: dict[str, Any]) -> dict[str, Any]:
    report: dict[str, Any] = handler(event, LambdaContext())["report"]
    return report


def test_the_first_run_makes_a_second_key(texts: list[str]) -> None:
    report = report_of(SCHEDULED)
    assert (report["why"], report["keys"]) == ("due", 2)
    first, second = KeyRing.read(texts[-1]).keys
    assert first.secret == "generated"
    assert report["newest_signs_from"] == second.signs_from.isoformat()


def test_a_moment_that_comes_twice_rotates_once(texts: list[str]) -> None:
    assert report_of(SCHEDULED) == report_of(SCHEDULED)
    assert len(texts) == 2


@pytest.mark.parametrize("why", ["now", "compromised"])
def test_who_asked_for_new_keys_is_told_where_a_moment_had_its_run_already(
    texts: list[str], why: str
) -> None:
    """Else an event sent a second time would leave compromised keys in use, and look like a success."""
    report_of(SCHEDULED)
    with pytest.raises(NotRotatedError, match="ran_before"):
        handler(SCHEDULED | {"rotate": why}, LambdaContext())
    assert len(texts) == 2


def test_compromised_keys_are_dropped(texts: list[str]) -> None:
    assert report_of(COMPROMISED)["keys"] == 1
    assert "generated" not in texts[-1]


def test_no_secret_is_reported_or_logged(texts: list[str], log: Log) -> None:
    told = str(report_of(COMPROMISED)) + str(log())
    assert KeyRing.read(texts[-1]).keys[0].secret not in told
    assert "generated" not in told


async def _trail() -> list[tuple[str, dict[str, Any]]]:
    async with autocommit() as session:
        entries = await session.scalars(select(AuditEntry).order_by(AuditEntry.created_at))
        return [(each.action, each.details) for each in entries]


def test_a_rotation_stands_in_the_trail_and_is_counted(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_of(COMPROMISED)
    assert run(_trail()) == [("signing_keys.rotated", report)]
    assert "SigningKeysRotated" in capsys.readouterr().out


def test_a_look_that_changes_nothing_does_not(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ring = KeyRing.read(texts[-1]).rotated(
        Rotation.COMPROMISED, at=now(), secret="fresh", token_life=timedelta(minutes=17)
    )
    texts.append(ring.text)
    assert report_of(SCHEDULED)["keys"] == 1
    assert run(_trail()) == []
    assert "SigningKeysRotated" not in capsys.readouterr().out


@pytest.mark.parametrize("why", ["later", "", 7, None])
def test_another_reason_is_refused(texts: list[str], why: object) -> None:
    with pytest.raises(MalformedScheduleError, match="rotate is one of due, now, compromised"):
        handler(SCHEDULED | {"rotate": why}, LambdaContext())
    assert texts == ["generated"]
