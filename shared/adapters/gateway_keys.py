"""API Gateway's own API keys: what lets a request through the gateway, and meters it by its plan.

An account has one list of keys for all its deployments: this one's begin with `GATEWAY_PREFIX`.
A new or moved key takes some seconds until every part of API Gateway knows it.

Everything raises GatewayThrottledError where API Gateway goes on answering that it is asked too often,
GatewayKeysError where it fails otherwise: both may be tried again, and all here can be repeated.
No error and no log line has a key's value.
Source: AWS, "Amazon API Gateway Version 1 API Reference" and "API Gateway control service limits".
"""

import asyncio
from asyncio import sleep as pause
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

from shared.adapters.aws import aws_client, call
from shared.adapters.logging import logger
from shared.config.gateway import gateway_settings
from shared.core.errors import ConflictError, ServiceUnavailableError
from shared.core.retry import RetryPolicy

PAGE = 500
"""How many keys or plans one answer lists at most. Source: AWS, "GetApiKeys"."""

# CreateApiKey is allowed five times a second to the whole account. All waits together end long before
# the gateway's 29 seconds do.
_PATIENCE = RetryPolicy(first_s=0.4, longest_s=3.0, most_attempts=5)

_TOO_OFTEN = frozenset(
    {"TooManyRequestsException", "LimitExceededException", "ThrottlingException"}
)
_CONFLICT = "ConflictException"
_MISSING = "NotFoundException"

_plan_ids: dict[str, str] = {}
"""By full name: plans are made when the stack is deployed, and stay."""


class GatewayKeysError(ServiceUnavailableError):
    """API Gateway's control plane does not do what it is asked; `reason` is its name of the failure."""

    reason = ""


class GatewayThrottledError(GatewayKeysError):
    """API Gateway's control plane is asked too often, by whomever in this account."""

    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "5"}


class GatewayPlanMissingError(GatewayKeysError):
    """The deployment has no usage plan of that name (yet)."""


class GatewayKeyTakenError(ConflictError):
    """The value is the one of another key of the account: values are unique in it."""


@dataclass(frozen=True)
class GatewayKey:
    """A key as API Gateway has it, by its name without the prefix. `plan` None: it opens nothing."""

    id: str
    name: str
    enabled: bool
    plan: str | None


@dataclass(frozen=True, kw_only=True)
class DayOfUse:
    """What a key used on a day (UTC), and what was left of its quota when the day ended."""

    day: date
    used: int
    remaining: int


async def put_key(name: str, *, value: str, plan: str) -> str:
    """See to it that there is an enabled key of this name and value on a plan, and return its id.

    What is there already stays, what is missing is added: a creation that failed half-way is completed
    by another call. A key of the name with another value is replaced. While a key moves from one plan to
    another the gateway refuses it for a moment: a stage lets a key be on one plan only.
    `value` has 20 to 128 characters. Raises GatewayKeyTakenError, GatewayPlanMissingError.
    """
    full = _full_name(name)
    plan_id = await _plan_id(plan)
    key_id = await _find(full, value=value) or await _create(full, value=value)
    await _put_on(plan_id, key_id=key_id)
    return key_id


async def move_key(name: str, *, plan: str) -> None:
    """See to it that the key of this name, where there is one, is enabled and on a plan.

    For keys whose value is not known any more. Raises GatewayPlanMissingError.
    """
    plan_id = await _plan_id(plan)
    for key in await _named(_full_name(name)):
        if not key["enabled"]:
            await _enable(key["id"])
        await _put_on(plan_id, key_id=key["id"])


async def remove_key(name: str) -> None:
    """See to it that there is no key of this name."""
    for key in await _named(_full_name(name)):
        await _remove(key["id"])


async def list_keys() -> tuple[GatewayKey, ...]:
    """Return all keys of this deployment, in no order."""
    prefix = _full_name("")
    keys, plans = await asyncio.gather(_all("get_api_keys", nameQuery=prefix), _our_plans())
    on = await asyncio.gather(*(_all("get_usage_plan_keys", usagePlanId=id_) for id_ in plans))
    plan_of = {
        key["id"]: plan for plan, keys in zip(plans.values(), on, strict=True) for key in keys
    }
    return tuple(
        GatewayKey(
            id=key["id"],
            name=key["name"].removeprefix(prefix),
            enabled=key["enabled"],
            plan=plan_of.get(key["id"]),
        )
        for key in keys
    )


async def usage_of(gateway_id: str, *, plan: str, since: date, until: date) -> tuple[DayOfUse, ...]:
    """Return what a key used on each day from `since` to `until`, both included, in UTC.

    API Gateway counts with some delay, and keeps 90 days. Empty for a key that is not on the plan, or
    was not used. Raises GatewayPlanMissingError.
    """
    answer = await _ask(
        "get_usage",
        usagePlanId=await _plan_id(plan),
        keyId=gateway_id,
        startDate=since.isoformat(),
        endDate=until.isoformat(),
    )
    pairs = answer.get("items", {}).get(gateway_id, [])
    return tuple(
        DayOfUse(day=since + timedelta(days=number), used=used, remaining=remaining)
        for number, (used, remaining) in enumerate(pairs)
    )


def forget_plans() -> None:
    """Forget which plan has which id: for tests, which make them anew."""
    _plan_ids.clear()


def _full_name(name: str) -> str:
    return f"{gateway_settings().gateway_prefix}key-{name}"


async def _our_plans() -> dict[str, str]:
    """Return the names of this deployment's plans, without the prefix, by their ids."""
    prefix = gateway_settings().gateway_prefix
    return {
        plan["id"]: plan["name"].removeprefix(prefix)
        for plan in await _all("get_usage_plans")
        if plan["name"].startswith(prefix)
    }


async def _plan_id(plan: str) -> str:
    full = f"{gateway_settings().gateway_prefix}{plan}"
    if full not in _plan_ids:
        _plan_ids.update({each["name"]: each["id"] for each in await _all("get_usage_plans")})
    if full not in _plan_ids:
        raise GatewayPlanMissingError(f"The gateway has no usage plan {plan}: try again later.")
    return _plan_ids[full]


async def _named(full: str, *, values: bool = False) -> list[dict[str, Any]]:
    # What is asked for is the beginning of names.
    found = await _all("get_api_keys", nameQuery=full, includeValues=values)
    return [key for key in found if key["name"] == full]


async def _find(full: str, *, value: str) -> str | None:
    """Return the id of the enabled key of a name and value, and remove those with another value."""
    fitting = None
    for key in await _named(full, values=True):
        if key["value"] != value:
            await _remove(key["id"])
            continue
        fitting = str(key["id"])
        if not key["enabled"]:
            await _enable(fitting)
    return fitting


async def _create(full: str, *, value: str) -> str:
    try:
        key = await _ask("create_api_key", name=full, value=value, enabled=True)
    except GatewayKeysError as error:
        # Somebody else may have been doing the same just now.
        if error.reason == _CONFLICT and (there := await _find(full, value=value)):
            return there
        if error.reason == _CONFLICT:
            raise GatewayKeyTakenError("The gateway has another key of this value.") from None
        raise
    return str(key["id"])


async def _enable(key_id: str) -> None:
    enabling = {"op": "replace", "path": "/enabled", "value": "true"}
    await _ask("update_api_key", apiKey=key_id, patchOperations=[enabling])


async def _put_on(plan_id: str, *, key_id: str) -> None:
    on = await _plans_of(key_id)
    ours = await _our_plans() if set(on) - {plan_id} else {}
    await _take_off([each for each in on if each in ours and each != plan_id], key_id=key_id)
    if plan_id in on:
        return
    try:
        await _ask("create_usage_plan_key", usagePlanId=plan_id, keyId=key_id, keyType="API_KEY")
    except GatewayKeysError as error:
        if error.reason != _CONFLICT or plan_id not in await _plans_of(key_id):
            raise


async def _remove(key_id: str) -> None:
    await _take_off(await _plans_of(key_id), key_id=key_id)
    await _ask_unless_missing("delete_api_key", apiKey=key_id)


async def _take_off(plan_ids: Sequence[str], *, key_id: str) -> None:
    for plan_id in plan_ids:
        await _ask_unless_missing("delete_usage_plan_key", usagePlanId=plan_id, keyId=key_id)


async def _plans_of(key_id: str) -> list[str]:
    return [plan["id"] for plan in await _all("get_usage_plans", keyId=key_id)]


async def _all(operation: str, **arguments: Any) -> list[dict[str, Any]]:
    """Ask for every page of a list."""
    found: list[dict[str, Any]] = []
    position: dict[str, str] = {}
    while True:
        page = await _ask(operation, **arguments, **position, limit=PAGE)
        found += page.get("items", [])
        if not page.get("position"):
            return found
        position = {"position": page["position"]}


async def _ask_unless_missing(operation: str, **arguments: Any) -> None:
    try:
        await _ask(operation, **arguments)
    except GatewayKeysError as error:
        if error.reason != _MISSING:
            raise


async def _ask(operation: str, **arguments: Any) -> dict[str, Any]:
    """Ask API Gateway, again and again where it says that it is asked too often."""
    attempts = 0
    while True:
        try:
            return await _ask_once(operation, **arguments)
        except GatewayThrottledError:
            attempts += 1
            if _PATIENCE.gives_up(attempts):
                raise
        await pause(_PATIENCE.wait_s(attempts))


async def _ask_once(operation: str, **arguments: Any) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = await call(
            getattr(aws_client("apigateway"), operation), **arguments
        )
    except ClientError as error:
        reason = str(error.response["Error"]["Code"])
    except BotoCoreError as error:
        # Its text may quote an argument, so a key's value: its name alone goes on.
        reason = type(error).__name__
    else:
        return answer
    logger().warning("API Gateway did not do it", operation=operation, reason=reason)
    raise _error_of(reason)


def _error_of(reason: str) -> GatewayKeysError:
    if reason == _MISSING:
        forget_plans()  # one may have been replaced
    kind = GatewayThrottledError if reason in _TOO_OFTEN else GatewayKeysError
    error = kind("The gateway's keys cannot be read or changed now: try again soon.")
    error.reason = reason
    return error
