"""One event on its way to a worker."""

import asyncio
import uuid
from dataclasses import dataclass, field

from infra_cdk.local.lambda_service.outcome import Outcome, failure


@dataclass(eq=False, kw_only=True)
class Invocation:
    """An event, and the future that its caller waits for."""

    event: bytes
    outcome: asyncio.Future[Outcome]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def settle(self, outcome: Outcome) -> None:
        """Tell the caller, unless it has left or was told already."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def fail(self, kind: str, message: str, *, timed_out: bool = False) -> None:
        """Tell the caller of an error, in Lambda's words: the request id comes first."""
        self.settle(failure(kind, f"RequestId: {self.id} Error: {message}", timed_out=timed_out))
