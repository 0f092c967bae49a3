"""A small campaign from a seed of its own each time; `make crash-test` runs a thousand."""

import re
import subprocess
import sys

import pytest

from infra_cdk.registry import ROOT

RUNS = 72


@pytest.mark.timeout(600)
def test_nothing_is_lost_done_twice_or_stuck_wherever_a_process_dies() -> None:
    command = [sys.executable, "-m", "tests.crash", "--runs", str(RUNS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert re.search(rf"^{RUNS} runs, seed \d+, \d+ s: 0 faults$", done.stdout, re.MULTILINE)
    # Each scenario by each driver had its share, and boundaries to die at.
    shares = re.findall(
        r"^ *(\d+) runs of \w+ by \w+ \((\d+) boundaries\)$", done.stdout, re.MULTILINE
    )
    assert len(shares) == 12
    assert all(int(runs) == RUNS // 12 and int(boundaries) > 9 for runs, boundaries in shares)
