"""One attempt: a message is signed, posted, and what came of it is said."""

import hmac
import json
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.outbound.answers import Answer, Reason, Unanswered
from shared.core.clock import now
from shared.core.ids import new_id
from shared.domains.webhooks.events import EndpointVerification
from shared.domains.webhooks.repository.deliveries import Claimed
from shared.domains.webhooks.schemas import AttemptOutcome, Cause, DeliveryState
from shared.domains.webhooks.service import records
from shared.domains.webhooks.service.planner import Outcome, next_attempt_at
from shared.domains.webhooks.service.signers import Receiver

USER_AGENT = "Switchyard-Webhooks/1.0"

MOST_CLAIMS = 20
"""How often a delivery is taken without an outcome before it is given up: it may be what kills workers."""

BUSY_WAIT = timedelta(seconds=5)
"""When a message is due again that no connection was free for."""

_LONGEST_DETAIL = 300
_NO_CHALLENGE = "The answer is not the challenge that was sent."

type Post = Callable[..., Awaitable[Answer | Unanswered]]
"""`outbound.post`: `(url, *, headers, body)`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of a delivery that was claimed: its new state, and the attempt where there was one.

    `outcome` is the endpoint's, or None where nothing is said of it.
    """

    claimed: Claimed
    state: DeliveryState
    due_at: datetime | None
    outcome: Outcome | None
    attempt: Mapping[str, Any]

    @property
    def is_plain(self) -> bool:
        """Whether it changes nothing but the delivery: a success of an endpoint that does well."""
        sound = self.claimed.sound and self.claimed.cause != Cause.VERIFICATION
        return self.outcome is None or (sound and self.outcome.succeeded)

    def row(self) -> dict[str, Any]:
        """Return what the database is told, as JSON knows it."""
        attempts = self.claimed.attempts + bool(self.attempt)
        ended = None if self.state is DeliveryState.PENDING else now()
        return {
            "delivery_id": str(self.claimed.id),
            "lease": self.claimed.lease.isoformat(),
            "state": self.state.value,
            "attempts": attempts,
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "finished_at": ended.isoformat() if ended else None,
            "tried": bool(self.attempt),
            **self.attempt,
        }


async def attempt(claimed: Claimed, *, receiver: Receiver, body: bytes, post: Post) -> Result:
    """Send a message to an endpoint, and return what came of it."""
    if claimed.claims > MOST_CLAIMS:
        return given_up(
            claimed, why="worker_died", text="Nothing came of many attempts to send it."
        )
    if receiver.signer is None:
        return given_up(claimed, why="unsignable", text="The endpoint has no secret that can sign.")
    started_at = now()
    signed = receiver.signer.sign(str(claimed.event_id), at=started_at, body=body)
    headers = {"content-type": "application/json", "user-agent": USER_AGENT, **signed}
    answer = await post(receiver.url, headers={**receiver.headers, **headers}, body=body)
    if isinstance(answer, Unanswered) and answer.reason is Reason.BUSY:
        return put_off(claimed, until=now() + BUSY_WAIT)
    request = records.request_record(receiver.url, headers, own=receiver.headers, body=body)
    answered = _answered_by(answer, secrets=records.secrets_in(headers, own=receiver.headers))
    logged = {"request": request, "latency_ms": answer.latency_ms, **answered}
    return _result_of(claimed, answer, logged=logged, started_at=started_at, body=body)


def put_off(claimed: Claimed, *, until: datetime) -> Result:
    """Return that a delivery waits, without having been tried."""
    return Result(
        claimed=claimed, state=DeliveryState.PENDING, due_at=until, outcome=None, attempt={}
    )


def given_up(claimed: Claimed, *, why: str, text: str) -> Result:
    """Return that a delivery is given up without having been tried."""
    logged = {"request": {}, "latency_ms": 0, "failure": why, "detail": text}
    return Result(
        claimed=claimed,
        state=DeliveryState.FAILED,
        due_at=None,
        outcome=None,
        attempt=_attempt_of(claimed, logged, started_at=now(), succeeded=False),
    )


def _result_of(
    claimed: Claimed,
    answer: Answer | Unanswered,
    *,
    logged: Mapping[str, Any],
    started_at: datetime,
    body: bytes,
) -> Result:
    outcome = _outcome_of(claimed, answer, body=body)
    due_at = None if outcome.succeeded else _due_at(claimed, outcome)
    state = DeliveryState.PENDING if due_at else DeliveryState.FAILED
    if not outcome.accepted and outcome.status in range(200, 300):
        logged = {**logged, "failure": "challenge", "detail": _NO_CHALLENGE}
    return Result(
        claimed=claimed,
        state=DeliveryState.DELIVERED if outcome.succeeded else state,
        due_at=due_at,
        outcome=outcome,
        attempt=_attempt_of(claimed, logged, started_at=started_at, succeeded=outcome.succeeded),
    )


def _due_at(claimed: Claimed, outcome: Outcome) -> datetime | None:
    # Somebody looks at a test now: what came of it hours later would only surprise.
    if claimed.cause == Cause.TEST:
        return None
    return next_attempt_at(outcome, attempts=claimed.attempts + 1, chance=random.random)


def _outcome_of(claimed: Claimed, answer: Answer | Unanswered, *, body: bytes) -> Outcome:
    if isinstance(answer, Unanswered):
        return Outcome(at=now(), status=None)
    return Outcome(
        at=now(),
        status=answer.status,
        retry_after=answer.headers.get("retry-after"),
        accepted=claimed.event_type != EndpointVerification.public_type
        or _answers_challenge(answer, body=body),
    )


def _answers_challenge(answer: Answer, *, body: bytes) -> bool:
    """Whether an answer's body is the challenge, or a JSON object that has it."""
    challenge = str(json.loads(body)["data"]["challenge"]).encode()
    given = answer.body.strip()
    try:
        told = json.loads(given)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        given = str(told.get("challenge", "")).encode("utf-8", "replace")
    elif isinstance(told, str):
        given = told.encode("utf-8", "replace")
    return hmac.compare_digest(given, challenge)


def _attempt_of(
    claimed: Claimed, logged: Mapping[str, Any], *, started_at: datetime, succeeded: bool
) -> dict[str, Any]:
    outcome = AttemptOutcome.SUCCEEDED if succeeded else AttemptOutcome.FAILED
    return {
        "attempt_id": str(new_id()),
        "number": claimed.attempts + 1,
        "started_at": started_at.isoformat(),
        "outcome": outcome.value,
        **logged,
    }


def _answered_by(answer: Answer | Unanswered, *, secrets: Collection[str]) -> dict[str, Any]:
    if isinstance(answer, Unanswered):
        detail = records.storable(answer.text[:_LONGEST_DETAIL])
        return {"failure": answer.reason.value, "detail": detail}
    response = records.response_record(
        answer.status,
        answer.headers,
        body=answer.body,
        is_truncated=answer.is_truncated,
        secrets=secrets,
    )
    return {"status_code": answer.status, "response": response}
