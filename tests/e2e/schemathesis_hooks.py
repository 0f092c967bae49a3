"""What schemathesis sends otherwise than its schema alone would have it: see schemathesis.toml."""

from itertools import count
from typing import Any

import schemathesis

_NAME = "Idempotency-Key"
_MADE_UP = '"0"'
_NUMBERS = count()
_EXAMPLE = "https://example.com"
_NOWHERE = "https://hooks.example.invalid/"


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: Any, **__: Any) -> None:
    """Give three of four requests with a made up key a key of their own.

    It makes up the same for nearly all: each but the first would be refused for that alone. The fourth
    keeps it, so that this refusal, and an answer that is given again, are judged too.
    """
    _send_nowhere(case.body)
    if (case.headers or {}).get(_NAME) == _MADE_UP and (number := next(_NUMBERS)) % 4:
        case.headers[_NAME] = f'"fuzz-{number}"'


def _send_nowhere(body: Any) -> None:
    """Have webhooks posted to a name that nobody can have (RFC 2606), and not to that of the examples."""
    if isinstance(body, dict) and str(body.get("url", "")).startswith(_EXAMPLE):
        body["url"] = _NOWHERE
