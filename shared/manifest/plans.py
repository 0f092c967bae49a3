"""The usage plans that partners are on: declared here once, for the gateway on AWS, the local one and the application.

Source: AWS, "Usage plans and API keys for REST APIs in API Gateway".
"""

from dataclasses import dataclass
from enum import StrEnum


class Period(StrEnum):
    """What a quota is for; API Gateway's own names."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What each API key on it may do: requests a second in the long run, at once, and in a period."""

    name: str
    rate_per_s: int
    burst: int
    quota: int
    period: Period


PLANS = (
    Plan(name="free", rate_per_s=2, burst=5, quota=1_000, period=Period.DAY),
    Plan(name="pro", rate_per_s=50, burst=100, quota=1_000_000, period=Period.MONTH),
    Plan(name="enterprise", rate_per_s=200, burst=400, quota=20_000_000, period=Period.MONTH),
)
"""Every plan there is."""


def plan_named(name: str) -> Plan:
    """Return a plan. Raises KeyError where there is none of that name."""
    return {plan.name: plan for plan in PLANS}[name]
