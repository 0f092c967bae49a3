"""`python -m tests.crash --runs 1000 [--seed 7]`: kill processes at random boundaries, and recover.

Each run takes a scenario, a road to the database and a boundary, by chance; there the process is killed,
or the database is lost. Then time passes, callers and queues try again, and nothing may be lost, nothing
done twice, no row stuck. The seed repeats a campaign.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash.campaign import boundaries_of, kinds, run_once
from tests.crash.world import made_world

HAPPENINGS = ("kill", "kill", "kill", "outage")


def main() -> int:
    """Run a campaign, print what came of it, and return 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument(
        "--only", default="", help="a scenario: request, relay, consumer, task, fanout or webhook"
    )
    asked = parser.parse_args()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        made_world(Path(folder), seed=asked.seed) as world,
    ):
        chosen = [each for each in kinds() if asked.only in {"", each[0].scenario}]
        most = {each: boundaries_of(world, each[0], driver=each[1]) for each in chosen}
        done: Counter[str] = Counter()
        faults = []
        for number in range(asked.runs):
            kind, driver = each = chosen[number % len(chosen)]
            at = world.chance.randint(1, most[each] + 1)
            happening = world.chance.choice(HAPPENINGS)
            name = f"{kind.scenario} by {driver}"
            done[f"{name} ({most[each]} boundaries)"] += 1
            found = run_once(world, kind, driver=driver, at=at, happening=happening)
            faults += [f"run {number}, {name}, {happening} at {at}: {fault}" for fault in found]
    for name, runs in sorted(done.items()):
        print(f"{runs:6} runs of {name}")
    print("\n".join(faults))
    took_s = time.monotonic() - began
    print(f"{asked.runs} runs, seed {asked.seed}, {took_s:.0f} s: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
