"""What is written down is there after a restart, and for nobody else."""

import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from infra_cdk.local.aws.ledger import KeptKey, Ledger
from infra_cdk.local.state import API_GATEWAY, State

KEY = KeptKey(
    id="k1", name="key-k1", value="v" * 20, enabled=True, created=1, plans=("free", "pro")
)
OFF = KeptKey(id="k2", name="key-k2", value="w" * 20, enabled=False, created=2, plans=())
DAY = date(2026, 11, 25)
NEXT = date(2026, 11, 26)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger(None)) as made:
        yield made


class TestKeys:
    def test_they_are_there_after_a_restart(self, tmp_path: Path) -> None:
        with closing(Ledger(tmp_path)) as ledger:
            ledger.keep([KEY, OFF])
        with closing(Ledger(tmp_path)) as ledger:
            assert ledger.kept_keys() == [KEY, OFF]

    def test_those_that_are_gone_are_forgotten(self, ledger: Ledger) -> None:
        ledger.keep([KEY, OFF])
        ledger.keep([OFF])
        assert ledger.kept_keys() == [OFF]

    def test_nobody_else_may_read_them(self, tmp_path: Path) -> None:
        with closing(Ledger(tmp_path)) as ledger:
            ledger.keep([KEY])
        assert stat.S_IMODE((tmp_path / API_GATEWAY).stat().st_mode) == 0o600

    def test_they_go_with_the_state(self, tmp_path: Path) -> None:
        with closing(Ledger(tmp_path)) as ledger:
            ledger.keep([KEY])
        State(tmp_path).clear()
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


class TestUses:
    def test_they_are_counted_by_key_plan_and_day(self, ledger: Ledger) -> None:
        for day in (DAY, DAY, NEXT):
            ledger.count("k1", plan="free", day=day)
        ledger.count("k1", plan="pro", day=DAY)
        ledger.count("k2", plan="free", day=DAY)
        assert ledger.used("k1", plan="free", since=DAY, until=DAY) == 2
        assert ledger.used("k1", plan="free", since=DAY, until=NEXT) == 3
        assert ledger.used("k3", plan="free", since=DAY, until=NEXT) == 0

    def test_they_are_there_after_a_restart(self, tmp_path: Path) -> None:
        with closing(Ledger(tmp_path)) as ledger:
            ledger.count("k1", plan="free", day=DAY)
        with closing(Ledger(tmp_path)) as ledger:
            ledger.count("k1", plan="free", day=DAY)
            assert ledger.used("k1", plan="free", since=DAY, until=DAY) == 2

    def test_old_ones_are_forgotten(self, ledger: Ledger) -> None:
        for day in (DAY, NEXT):
            ledger.count("k1", plan="free", day=day)
        ledger.forget_uses(before=NEXT)
        assert ledger.used("k1", plan="free", since=DAY, until=NEXT) == 1
