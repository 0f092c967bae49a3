"""Makes a user an operator, or an operator a user like others.

`aws lambda invoke --function-name switchyard-staging-operators --cli-binary-format raw-in-base64-out
--payload '{"username": "ada", "role": "operator"}' /dev/stdout`. Whoever may invoke it decides: no
route of the API makes an operator.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypedDict

from shared.adapters.logging import logger
from shared.core.correlation import Correlation, correlated
from shared.core.schema import Schema
from shared.domains.identity import api as identity
from shared.domains.identity.schemas import Role, Username
from shared.worker.loop import run


class LambdaContext(Protocol):
    """What is used of the object that Lambda passes to a handler."""

    @property
    def aws_request_id(self) -> str:
        """The id of the invocation."""


class RoleChange(Schema):
    """Who shall be what."""

    username: Username
    role: Role


class Changed(TypedDict):
    """The user's name as they wrote it, and what they are now."""

    username: str
    role: str


def handler(event: Mapping[str, Any], context: LambdaContext) -> Changed:
    """Give a user a role. Said again, it changes nothing; a change is in the audit trail.

    Raises ValidationError for an event that names no user or no role, NoSuchUserError,
    ServiceUnavailableError.
    """
    wanted = RoleChange.model_validate(event)
    with correlated(Correlation(request_id=context.aws_request_id)):
        return run(_change(wanted))


async def _change(wanted: RoleChange) -> Changed:
    from shared.adapters.database.sessions import unit_of_work

    async with unit_of_work() as session:
        username, role = await identity.set_role(
            session, username=wanted.username, role=wanted.role
        )
    logger().info("role given", extra={"username": username, "role": role})
    return Changed(username=username, role=role)
