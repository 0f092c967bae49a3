"""`python -m tests.functions.queues.tasks.import_process SECONDS TASK ...`: works on tasks until they end.

Each invocation has time for steps for so many seconds. Prints how many there were and the most memory that
the process ever had, in KiB.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import AsyncMock, patch
from uuid import UUID, uuid4

from functions.queues.tasks.registry import KINDS
from functions.queues.tasks.runner import Turn, work_on
from shared.adapters import queues
from shared.adapters.database.sessions import autocommit
from shared.core.correlation import Correlation, correlated
from shared.domains.tasks import api as tasks
from shared.worker.deadline import Deadline
from shared.worker.loop import run


async def is_unfinished(task_id: UUID) -> bool:
    async with autocommit() as session:
        return await tasks.take(session, task_id) is not None


async def invoke(task_id: UUID, *, seconds: float) -> None:
    step_s = KINDS["import_items"].step_s
    deadline = Deadline(time.monotonic() + step_s + seconds)
    with correlated(Correlation(request_id="request-1")):
        await work_on(task_id, turn=Turn(message_id=uuid4(), leaves=deadline.leaves), kinds=KINDS)


def peak_kib() -> int:
    # getrusage would tell of the process that started this one too: its peak outlives exec.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main(task_ids: Iterable[UUID], *, seconds: float) -> None:
    invocations = 0
    # A nudge only makes the relay come sooner, and there is none.
    with patch.object(queues, "send", AsyncMock()):
        for task_id in task_ids:
            while run(is_unfinished(task_id)):
                run(invoke(task_id, seconds=seconds))
                invocations += 1
    sys.stdout.write(json.dumps({"invocations": invocations, "peak_kib": peak_kib()}) + "\n")


if __name__ == "__main__":
    main(map(UUID, sys.argv[2:]), seconds=float(sys.argv[1]))
