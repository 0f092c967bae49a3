"""The members of a problem document (RFC 9457): of an answer, or of a task that failed."""

from typing import Any

from shared.core.correlation import current
from shared.core.errors import ProblemError


def document_of(error: ProblemError) -> dict[str, Any]:
    """Return the members of a problem document, the id of the running request included."""
    correlation = current()
    return {
        **error.members,
        "type": f"urn:switchyard:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": correlation.request_id if correlation else None,
        "errors": [
            {"location": list(each.location), "code": each.code, "message": each.message}
            for each in error.errors
        ],
    }
