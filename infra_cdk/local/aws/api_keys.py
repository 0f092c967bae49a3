"""API Gateway's keys at work: moto keeps them, and here they are looked at, counted and remembered.

What moto lacks: it asks nobody for a key, has no GetUsage, forgets all when it ends, and lets a key be
on two plans of one stage. This part of it is loaded with the first request that is for it, and then
has the declared plans.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from infra_cdk.local.aws.ledger import KeptKey, Ledger
from infra_cdk.local.aws.metering import Limits, Meter
from infra_cdk.local.environment import ACCOUNT, API_ID, QUEUE_PREFIX, REGION, STAGE
from infra_cdk.local.gateway.keys import NO_KEY, Verdict
from shared.manifest.plans import PLANS, Period, Plan

if TYPE_CHECKING:
    from moto.apigateway.models import APIGatewayBackend, ApiKey, UsagePlan

KEPT_DAYS = 90
"""How far back usage is told. Source: AWS, "Maintaining a usage plan"."""


@dataclass(kw_only=True)
class PlaneError(Exception):
    """API Gateway refuses an operation."""

    status: int
    code: str
    message: str

    @property
    def document(self) -> str:
        """The body that it answers with."""
        return json.dumps({"message": self.message})


class ApiKeys:
    """The keys and plans in moto; `place` is the directory for what must outlive it, if anything must."""

    def __init__(self, *, place: Path | None, now: Callable[[], datetime]) -> None:
        self._place = place
        self._now = now
        self._lock = RLock()

    def prepare(self) -> None:
        """Have the plans and the keys of the time before in moto; once is enough."""
        with self._lock:
            _ = self._backend

    def admit(self, value: str, *, stage: str = STAGE) -> Verdict:
        """Count a request with this key, and say whether it may pass."""
        with self._lock:
            found = self._find(value, stage=stage)
            if found is None:
                return NO_KEY
            key, plan = found
            refusal = self._meter.refusal_of(
                key.id, plan=plan.name or "", limits=_limits_of(plan), now=self._now()
            )
            return Verdict(key_id=key.id, refusal=refusal)

    def usage(self, plan_id: str, *, asked: Mapping[str, str]) -> dict[str, Any]:
        """Answer GetUsage: for each day of each key what it used, and what was left. Raises PlaneError.

        All of it comes in one answer. Source: AWS, "GetUsage".
        """
        since, until = _days_of(asked)
        with self._lock:
            plan = self._plan(plan_id)
            on = self._backend.usage_plan_keys.get(plan_id, {})
            wanted = [asked["keyId"]] if "keyId" in asked else list(on)
            values = {
                key_id: list(self._days(key_id, plan=plan, since=since, until=until))
                for key_id in wanted
                if key_id in on
            }
        days = {"startDate": since.isoformat(), "endDate": until.isoformat()}
        return {"usagePlanId": plan_id, **days, "values": values}

    def check_placing(self, plan_id: str, *, key_id: str) -> None:
        """Raise PlaneError where a key cannot be put on a plan because of one that it is on."""
        with self._lock:
            wanted = self._plan(plan_id)
            for plan in self._backend.get_usage_plans(api_key_id=key_id):
                if plan.id == plan_id or _stages(plan) & _stages(wanted):
                    text = "The key is on a plan of this stage already."
                    raise PlaneError(status=409, code="ConflictException", message=text)

    def check_placed(self, plan_id: str, *, key_id: str) -> None:
        """Raise PlaneError where a key is not on a plan."""
        with self._lock:
            if key_id not in self._backend.usage_plan_keys.get(plan_id, {}):
                text = "Invalid Usage Plan ID or API Key identifier specified"
                raise PlaneError(status=404, code="NotFoundException", message=text)

    def keep(self) -> None:
        """Write down the keys as they are now."""
        with self._lock:
            self._ledger.keep([self._kept(key) for key in list(self._backend.keys.values())])

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    @cached_property
    def _ledger(self) -> Ledger:
        ledger = Ledger(self._place)
        oldest = self._now().astimezone(UTC).date() - timedelta(days=KEPT_DAYS)
        ledger.forget_uses(before=oldest)
        return ledger

    @cached_property
    def _meter(self) -> Meter:
        return Meter(self._ledger)

    @cached_property
    def _backend(self) -> "APIGatewayBackend":
        from moto.apigateway.models import ApiKey, apigateway_backends

        backend: APIGatewayBackend = apigateway_backends[ACCOUNT][REGION]
        plans = {p.name: p.id for p in (backend.create_usage_plan(_made(each)) for each in PLANS)}
        for kept in self._ledger.kept_keys():
            key = ApiKey(kept.id, name=kept.name, value=kept.value, enabled=kept.enabled)
            key.created_date = key.last_updated_date = kept.created
            backend.keys[kept.id] = key
            for name in plans.keys() & set(kept.plans):
                on = {"keyId": kept.id, "keyType": "API_KEY"}
                backend.create_usage_plan_key(plans[name], on)
        return backend

    def _plan(self, plan_id: str) -> "UsagePlan":
        plan: UsagePlan | None = self._backend.usage_plans.get(plan_id)
        if plan is None:
            text = "Invalid Usage Plan ID specified"
            raise PlaneError(status=404, code="NotFoundException", message=text)
        return plan

    def _find(self, value: str, *, stage: str) -> "tuple[ApiKey, UsagePlan] | None":
        for key in list(self._backend.keys.values()):
            if key.value == value and key.enabled:
                for plan in self._backend.get_usage_plans(api_key_id=key.id):
                    if (API_ID, stage) in _stages(plan):
                        return key, plan
        return None

    def _days(
        self, key_id: str, *, plan: "UsagePlan", since: date, until: date
    ) -> Iterator[tuple[int, int]]:
        name, limits = plan.name or "", _limits_of(plan)
        for number in range((until - since).days + 1):
            day = since + timedelta(days=number)
            left = self._meter.remaining(key_id, plan=name, limits=limits, day=day)
            yield self._meter.used(key_id, plan=name, day=day), left or 0

    def _kept(self, key: "ApiKey") -> KeptKey:
        return KeptKey(
            id=key.id,
            name=key.name or "",
            value=key.value,
            enabled=bool(key.enabled),
            created=key.created_date,
            plans=tuple(p.name or "" for p in self._backend.get_usage_plans(api_key_id=key.id)),
        )


def _made(plan: Plan) -> dict[str, Any]:
    """Return what the stack asks of API Gateway for a plan."""
    return {
        "name": f"{QUEUE_PREFIX}{plan.name}",
        "apiStages": [{"apiId": API_ID, "stage": STAGE}],
        "throttle": {"rateLimit": float(plan.rate_per_s), "burstLimit": plan.burst},
        "quota": {"limit": plan.quota, "offset": 0, "period": plan.period.value},
    }


def _stages(plan: "UsagePlan") -> set[tuple[str, str]]:
    return {(each["apiId"], each["stage"]) for each in plan.api_stages}


def _limits_of(plan: "UsagePlan") -> Limits:
    throttle, quota = plan.throttle, plan.quota
    # A patch leaves texts here, where a creation leaves numbers.
    return Limits(
        rate_per_s=float(throttle["rateLimit"]) if "rateLimit" in throttle else None,
        burst=int(throttle["burstLimit"]) if "burstLimit" in throttle else None,
        quota=int(quota["limit"]) if "limit" in quota else None,
        period=Period(quota.get("period", Period.DAY)),
    )


def _days_of(asked: Mapping[str, str]) -> tuple[date, date]:
    """Read the days that GetUsage is asked for. Raises PlaneError."""
    try:
        since = date.fromisoformat(asked["startDate"])
        until = date.fromisoformat(asked["endDate"])
    except (KeyError, ValueError):
        since, until = date.max, date.min
    if since > until or until - since > timedelta(days=KEPT_DAYS):
        text = "startDate and endDate are two days in order, at most 90 days apart"
        raise PlaneError(status=400, code="BadRequestException", message=text)
    return since, until
