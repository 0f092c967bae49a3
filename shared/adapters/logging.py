"""JSON logs through Powertools Logger, with the request's ids and without secrets."""

import logging
import re
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from shared.config.runtime import runtime_settings
from shared.core.correlation import current

HIDDEN = "[hidden]"

_SECRET_NAME = re.compile(
    r"password|passwd|secret|token|authorization|cookie|api[-_]?key", re.IGNORECASE
)
_SECRET_VALUES = (
    re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )\S+"),
    re.compile(r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)*"),  # a JWT (RFC 7519): a JSON object in base64url
    re.compile(r"(?<=://)[^\s/@]*:[^\s/@]*(?=@)"),  # the user part of a URL
    re.compile(r"\bswy_[a-z]+_[0-9A-Za-z]{8,}"),  # an API key, or the beginning of one
    re.compile(r"\$argon2\w*\$\S+"),
)


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        log.pop("taskName", None)  # asyncio's own number says nothing
        correlation = current()
        if correlation:
            log = {**log, "request_id": correlation.request_id}
            if correlation.trace_id:
                log["trace_id"] = correlation.trace_id
        return super().serialize(redacted(log))


def redacted(value: Any) -> Any:
    """Return a copy of a log value without what looks like a secret, by its name or by itself."""
    match value:
        case dict():
            return {
                key: HIDDEN if _SECRET_NAME.search(str(key)) else redacted(each)
                for key, each in value.items()
            }
        case list() | tuple():
            return [redacted(each) for each in value]
        case str():
            for pattern in _SECRET_VALUES:
                value = pattern.sub(HIDDEN, value)
            return value
        case _:
            return value


@cache
def logger() -> Logger:
    """Return the process's logger; whatever else is logged goes the same way, from WARNING on."""
    made = Logger(
        level=runtime_settings().log_level,
        logger_formatter=_Formatter(),
        serialize_stacktrace=False,
    )
    root = logging.getLogger()
    root.handlers = [made.registered_handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(made.name).propagate = False
    return made
