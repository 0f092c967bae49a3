"""A request to end, and what it reaches."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from infra_cdk.local.stopping import Stop, Terminal

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def work_until_stopped(stop: Stop, *, ask: bool = True) -> str:
    """Work, be asked to end, and clean up; tell how that went."""
    if task := asyncio.current_task():
        stop.cancels(task)
    try:
        if ask:
            stop.request()
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        stop.ignore()
        stop.request()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "cleaned up"
    return "never asked"


async def fail_when_asked(stop: Stop) -> str:
    """Fail in the moment of the request, and clean up."""
    if task := asyncio.current_task():
        stop.cancels(task)
    stop.request()
    stop.ignore()
    await asyncio.sleep(0)
    return "cleaned up"


class TestStop:
    def test_a_request_cancels_the_work_and_no_later_one_the_cleaning_up(self) -> None:
        assert asyncio.run(work_until_stopped(Stop())) == "cleaned up"

    def test_a_request_before_the_work_cancels_it_at_once(self) -> None:
        stop = Stop()
        stop.request()
        assert asyncio.run(work_until_stopped(stop, ask=False)) == "cleaned up"

    def test_a_request_on_its_way_does_not_reach_the_cleaning_up(self) -> None:
        assert asyncio.run(fail_when_asked(Stop())) == "cleaned up"

    @pytest.mark.usefixtures("_signals_as_before")
    @pytest.mark.parametrize("number", NUMBERS)
    def test_each_signal_is_a_request(self, number: signal.Signals) -> None:
        stop = Stop()
        with stop.heeding_signals():
            before = stop.requested
            signal.raise_signal(number)
            assert (before, stop.requested) == (False, True)
        signal.raise_signal(number)  # and no harm afterwards, while the interpreter ends

    @pytest.mark.usefixtures("_signals_as_before")
    def test_what_nohup_started_outlives_its_terminal(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        stop = Stop()
        with stop.heeding_signals():
            signal.raise_signal(signal.SIGHUP)
        assert not stop.requested


class TestTerminal:
    def test_it_shows_what_the_terminal_cannot_write(self, monkeypatch: pytest.MonkeyPatch) -> None:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        Terminal(Stop()).say("Zürich \ud800")
        assert written.getvalue() == b"Z\\xfcrich \\ud800\n"

    def test_a_reader_that_left_is_a_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stop, (reading, writing) = Stop(), os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as stdout:
            monkeypatch.setattr(sys, "stdout", stdout)
            terminal = Terminal(stop)
            terminal.say("nobody reads this")
            assert stop.requested
            terminal.say("nor this")
