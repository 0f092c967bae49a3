"""What came of one call of a function."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of one invocation.

    `payload` is JSON: what the handler returned or, with `error`, Lambda's error object with
    `errorType` and `errorMessage`. `timed_out` says that the error is the function's own time-out.
    """

    payload: bytes
    error: bool = False
    timed_out: bool = False

    @property
    def reason(self) -> str:
        """An error in one line: `ValueError: no such thing`. Of its message the first line."""
        try:
            error = json.loads(self.payload)
            first, *_ = str(error["errorMessage"]).splitlines() or [""]
            return f"{error.get('errorType')}: {first}"
        except (ValueError, TypeError, KeyError):
            return self.payload.decode(errors="replace")


def failure(kind: str, message: str, *, timed_out: bool = False) -> Outcome:
    """Return an error in the form that Lambda gives its own: `Runtime.ExitError` and the like."""
    body = {"errorType": kind, "errorMessage": message}
    return Outcome(payload=json.dumps(body).encode(), error=True, timed_out=timed_out)
