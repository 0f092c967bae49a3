"""Partners, and a gateway in memory that keeps their keys and fails as it is told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from uuid import UUID

import pytest

from shared.adapters import gateway_keys
from shared.adapters.gateway_keys import (
    DayOfUse,
    GatewayKey,
    GatewayKeysError,
    GatewayThrottledError,
)
from shared.core.ids import new_id
from shared.domains.partners.schemas import IssuedKey, KeyDraft, Manager, Partner, PartnerDraft

_IDS = count(1)

THROTTLED = GatewayThrottledError("Too many requests.")
DOWN = GatewayKeysError("It does not answer.")

type Task = Callable[[], Awaitable[None]]


@dataclass
class Held:
    """A key as the gateway has it."""

    id: str
    value: str
    plan: str | None
    enabled: bool = True


@dataclass
class FakeGateway:
    """API Gateway's keys, with the face of the adapter.

    `fail("put_key", error)` has the next call refused before it does anything, `late=True` after it did
    all. `meanwhile` is done within the next call of an operation, before its own effect.
    """

    keys: dict[str, Held] = field(default_factory=dict)
    used: dict[str, tuple[DayOfUse, ...]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, date, date]] = field(default_factory=list)
    _failures: dict[str, list[tuple[Exception, bool]]] = field(default_factory=dict)
    _meanwhile: dict[str, Task] = field(default_factory=dict)

    def fail(self, operation: str, *errors: Exception, late: bool = False) -> None:
        self._failures.setdefault(operation, []).extend((error, late) for error in errors)

    def hang(self, operation: str) -> None:
        """Have the next call of an operation never end."""

        async def wait() -> None:
            await asyncio.Event().wait()

        self._meanwhile[operation] = wait

    def meanwhile(self, operation: str, task: Task) -> None:
        self._meanwhile[operation] = task

    def plans(self) -> dict[str, str | None]:
        return {name: key.plan for name, key in self.keys.items()}

    async def put_key(self, name: str, *, value: str, plan: str) -> str:
        late = await self._enter("put_key")
        there = self.keys.get(name)
        held = Held(there.id if there else f"gw{next(_IDS)}", value, plan)
        self.keys[name] = held
        _raise(late)
        return held.id

    async def move_key(self, name: str, *, plan: str) -> None:
        late = await self._enter("move_key")
        if name in self.keys:
            self.keys[name].plan, self.keys[name].enabled = plan, True
        _raise(late)

    async def remove_key(self, name: str) -> None:
        late = await self._enter("remove_key")
        self.keys.pop(name, None)
        _raise(late)

    async def list_keys(self) -> tuple[GatewayKey, ...]:
        listed = tuple(
            GatewayKey(id=key.id, name=name, enabled=key.enabled, plan=key.plan)
            for name, key in self.keys.items()
        )
        _raise(await self._enter("list_keys"))
        return listed

    async def usage_of(
        self, gateway_id: str, *, plan: str, since: date, until: date
    ) -> tuple[DayOfUse, ...]:
        _raise(await self._enter("usage_of"))
        self.asked.append((gateway_id, plan, since, until))
        return self.used.get(gateway_id, ())

    async def _enter(self, operation: str) -> Exception | None:
        self.calls.append(operation)
        if task := self._meanwhile.pop(operation, None):
            await task()
        if not self._failures.get(operation):
            return None
        error, late = self._failures[operation].pop(0)
        if not late:
            raise error
        return error


def _raise(error: Exception | None) -> None:
    if error:
        raise error


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGateway]:
    """A gateway without keys, in the place of API Gateway's."""
    from shared.domains.partners.service import usage

    fake = FakeGateway()
    for name in ("put_key", "move_key", "remove_key", "list_keys", "usage_of"):
        monkeypatch.setattr(gateway_keys, name, getattr(fake, name))
    usage.forget_usage()
    yield fake
    usage.forget_usage()


OPERATOR = Manager(user_id=UUID(int=7), operator=True)


async def new_partner(
    name: str = "Lantern Works", *, plan: str = "free", admin_id: UUID | None = None
) -> Partner:
    """Make a partner."""
    from shared.adapters.database.sessions import unit_of_work
    from shared.domains.partners import api as partners

    draft = PartnerDraft(name=name, plan=plan, contact="ops@lanterns.example", admin_id=admin_id)
    async with unit_of_work() as session:
        return await partners.create_partner(session, manager=OPERATOR, draft=draft)


async def new_key(
    partner: Partner, *scopes: str, manager: Manager = OPERATOR, **fields: object
) -> IssuedKey:
    """Make a key with some scopes, or with all."""
    from shared.domains.partners import api as partners

    wanted = scopes or ("items:read", "items:write", "usage:read", "webhooks")
    draft = KeyDraft.model_validate({"name": "checkout", "scopes": wanted} | fields)
    return await partners.issue_key(partner.id, manager=manager, draft=draft)


async def new_user() -> UUID:
    """Make a user whose password nobody has."""
    from shared.adapters.database.sessions import unit_of_work
    from shared.domains.identity.models import User

    id_ = new_id()
    user = User(id=id_, username=f"u{id_.hex[-12:]}", email=f"{id_}@example.com", password_hash="-")
    async with unit_of_work() as session:
        session.add(user)
    return id_
