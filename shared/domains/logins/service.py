"""The rules of login attempts: they slow down and lock, and yet nobody locks another out for good.

An account is counted by itself, whoever tries. Where it was logged in to from an address before, attempts from
there are counted apart: whoever guesses elsewhere does not keep its owner out. An address is counted over all
accounts, so that one password cannot be tried on all of them.
"""

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from shared.adapters import digests
from shared.adapters.database.sessions import unit_of_work
from shared.adapters.logging import logger
from shared.adapters.metrics import Metric
from shared.adapters.metrics import count as count_metric
from shared.core.clock import now
from shared.domains.audit import api as audit
from shared.domains.logins import repository
from shared.domains.logins.errors import TooManyLoginAttemptsError
from shared.domains.logins.models import LoginCounter
from shared.domains.logins.schemas import Admitted, Attempt

FREE_BY_ACCOUNT = 5
"""Failures of an account after which the next attempt waits."""

FREE_BY_ADDRESS = 20
"""Failures from an address, over all accounts, after which the next attempt waits: many share one."""

KNOWN_FOR = timedelta(days=90)
"""How long an address from which a user logged in counts as theirs."""


async def admit(session: AsyncSession, attempt: Attempt) -> Admitted:
    """Let an attempt be made, counted as failed until `succeed`. Raises TooManyLoginAttemptsError."""
    at = now()
    by_account = await _key("account", attempt.account)
    by_address = await _key("address", _network_of(attempt.address))
    by_both = await _key("both", attempt.account, _network_of(attempt.address))
    found = await repository.find(session, (by_address, by_both))
    is_known = _is_known(found.get(by_both), at=at)
    if not is_known:
        _refuse_blocked(found.get(by_address), at=at)
    counter = by_both if is_known else by_account
    failures = await repository.count(session, counter, free=FREE_BY_ACCOUNT, at=at)
    if failures is None:
        until = await repository.blocked_until(session, counter)
        raise TooManyLoginAttemptsError(retry_after_s=_seconds_until(until, at=at))
    if failures == FREE_BY_ACCOUNT:
        # What was typed for a name may be a password: the trail tells of users only.
        _tell_of(session, attempt.user_id)
    return Admitted(attempt=attempt, counter=counter, by_address=by_address, by_both=by_both)


async def fail(session: AsyncSession, admitted: Admitted) -> None:
    """Count a failure for the address, too, unless it is this machine's own: all that runs here shares that."""
    if _is_loopback(admitted.attempt.address):
        return
    await repository.count(session, admitted.by_address, free=FREE_BY_ADDRESS, at=now())


async def succeed(session: AsyncSession, admitted: Admitted) -> None:
    """Forget the failures of the account, and remember its address."""
    at = now()
    if admitted.counter != admitted.by_both:
        await repository.forget(session, admitted.counter)
    await repository.make_known(session, admitted.by_both, at=at, known_until=at + KNOWN_FOR)


async def admit_confirmation(user_id: UUID) -> None:
    """Let a logged-in user enter their password again, counted as failed until `confirm`.

    Counted apart from logins: who stole a session guesses no faster by it, and locks nobody out of logging in.
    Raises TooManyLoginAttemptsError.
    """
    at, key = now(), await _key("confirmation", str(user_id))
    # A refusal rolls the request's own transaction back, an Idempotency-Key with it, and must be counted.
    async with unit_of_work() as session:
        failures = await repository.count(session, key, free=FREE_BY_ACCOUNT, at=at)
        until = None if failures else await repository.blocked_until(session, key)
        if failures == FREE_BY_ACCOUNT:
            _tell_of(session, user_id)
    if failures is None:
        raise TooManyLoginAttemptsError(retry_after_s=_seconds_until(until, at=at))


async def confirm(session: AsyncSession, user_id: UUID) -> None:
    """Forget that a password was entered wrongly: now it was right."""
    await repository.forget(session, await _key("confirmation", str(user_id)))


async def forgive(session: AsyncSession, user_id: UUID) -> None:
    """Forget the failures of a user who has proved who they are otherwise."""
    await repository.forget(session, await _key("account", str(user_id)))
    await confirm(session, user_id)


def _tell_of(session: AsyncSession, user_id: UUID | None) -> None:
    if user_id:
        subject = f"user:{user_id}"
        audit.record(session, action="logins.slowed", subject=subject, actor_id=None)
    logger().warning("logins of an account are slowed down")
    count_metric(Metric.LOGINS_SLOWED)


def _refuse_blocked(counter: LoginCounter | None, *, at: datetime) -> None:
    if counter and counter.blocked_until and counter.blocked_until > at:
        wait_s = _seconds_until(counter.blocked_until, at=at)
        raise TooManyLoginAttemptsError(retry_after_s=wait_s)


def _is_known(counter: LoginCounter | None, *, at: datetime) -> bool:
    return counter is not None and counter.known_until is not None and counter.known_until > at


def _seconds_until(moment: datetime | None, *, at: datetime) -> int:
    return max(1, int((moment - at).total_seconds()) + 1) if moment else 1


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _network_of(address: str) -> str:
    """Return what counts as one address: who has one of IPv6 has the 2^64 beside it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return str(parsed)


async def _key(kind: str, *parts: str) -> str:
    return await digests.keyed_hash("\n".join((kind, *parts)), purpose="login counter")
