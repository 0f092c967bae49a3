"""What paths name: `{item_id}` and the like, made anew as a user's or a partner's own."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import select, update

from infra_cdk.authorization import NOBODYS
from shared.adapters.database.sessions import autocommit, unit_of_work
from shared.adapters.outbox import outbox
from shared.adapters.outbox.models import OutboxRow
from shared.core.events import Event
from shared.domains.catalog import api as catalog
from shared.domains.catalog.schemas import ItemDraft, ItemStatus, PostDraft
from shared.domains.dead_letters import api as dead_letters
from shared.domains.dead_letters.models import DeadLetter
from shared.domains.dead_letters.schemas import DeadMessage
from shared.domains.federation.models import ExternalLink
from shared.domains.mfa.models import PasskeyRow, TotpAuthenticator
from shared.domains.oauth import api as oauth
from shared.domains.oauth.models import ConsentRow
from shared.domains.oauth.schemas import NewClient
from shared.domains.partners import api as partners
from shared.domains.sessions import api as sessions
from shared.domains.sessions.schemas import Device, Opening
from shared.domains.tasks import api as tasks
from shared.domains.tasks.schemas import ExportItems, TaskKind
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.schemas import INSTALLATION, EndpointDraft, Owner
from tests.partner_fixtures import OPERATOR, new_key, new_partner
from tests.webhook_fixtures import attempted, delivered, happened

type Made = Mapping[str, str]
"""What was made already, by its parameter."""

NOTHING: Made = {}
QUEUE = "lanterns"
HEADER = "s3cret-of-theirs"
"""What endpoints are sent in a header of their owner's."""


async def item(owner_id: UUID, _: Made = NOTHING) -> str:
    # A draft: others may see an active one.
    draft = ItemDraft(name="Lantern", status=ItemStatus.DRAFT)
    async with unit_of_work() as session:
        return str((await catalog.create_item(session, owner_id=owner_id, draft=draft)).id)


async def active_item(owner_id: UUID) -> str:
    async with unit_of_work() as session:
        draft = ItemDraft(name="Lantern")
        return str((await catalog.create_item(session, owner_id=owner_id, draft=draft)).id)


async def post(owner_id: UUID, _: Made) -> str:
    draft = PostDraft(item_id=UUID(await item(owner_id)), body="It shines.")
    async with unit_of_work() as session:
        return str((await catalog.create_post(session, author_id=owner_id, draft=draft)).id)


async def login(owner_id: UUID, _: Made = NOTHING) -> str:
    """Log the owner in elsewhere; return the session."""
    device = Device(address="192.0.2.7", user_agent="telephone")
    async with unit_of_work() as session:
        await sessions.open_session(
            session, Opening(user_id=owner_id, device=device, methods=("pwd",))
        )
    async with autocommit() as session:
        found = await sessions.list_sessions(session, user_id=owner_id, current=None)
    return str(next(each.id for each in found if each.device == "telephone"))


async def task(owner_id: UUID, _: Made = NOTHING) -> str:
    wanted = ExportItems(kind=TaskKind.EXPORT_ITEMS, format="csv")
    async with unit_of_work() as session:
        return str((await tasks.queue(session, owner_id=owner_id, wanted=wanted)).id)


async def passkey(owner_id: UUID, _: Made) -> str:
    row = PasskeyRow(
        user_id=owner_id,
        credential_id=uuid4().hex,
        public_key="",
        sign_count=0,
        name="Laptop",
        transports=[],
        aaguid=str(UUID(int=0)),
        synced=False,
        backed_up=False,
    )
    async with unit_of_work() as session:
        session.add(row)
    return str(row.id)


async def link(owner_id: UUID, _: Made) -> str:
    row = ExternalLink(
        user_id=owner_id, provider="acme", issuer=f"https://{uuid4().hex}.example", subject="ada"
    )
    async with unit_of_work() as session:
        session.add(row)
    return str(row.id)


async def partner(admin_id: UUID, _: Made = NOTHING) -> str:
    return str((await new_partner(f"Lantern Works {uuid4().hex}", admin_id=admin_id)).id)


async def partner_key(_: UUID, made: Made) -> str:
    async with autocommit() as session:
        of = await partners.get_partner(session, UUID(made["partner_id"]), manager=OPERATOR)
    return str((await new_key(of)).id)


async def client(owner_id: UUID, _: Made) -> str:
    """Make a client of the owner's, which the owner lets act for them."""
    wanted = {
        "name": "Timetable",
        "auth_method": "client_secret_basic",
        "redirect_uris": ["https://timetable.example/back"],
        "scopes": ["items:read"],
    }
    async with unit_of_work() as session:
        new = NewClient.model_validate(wanted)
        made = await oauth.create_client(session, owner_id=owner_id, new=new)
        consent = ConsentRow(user_id=owner_id, client_id=made.client_id, scope="items:read")
        session.add(consent)
    return str(made.client_id)


async def endpoint(owner_id: UUID, _: Made = NOTHING) -> str:
    return await _endpoint_of(Owner(owner_id=owner_id))


async def endpoint_of_the_installation(_: UUID, __: Made = NOTHING) -> str:
    return await _endpoint_of(INSTALLATION)


async def _endpoint_of(owner: Owner) -> str:
    draft = EndpointDraft(
        url="https://hooks.example.com/in", event_types=("item.*",), headers={"X-Key": HEADER}
    )
    async with unit_of_work() as session:
        made = await webhooks.create_endpoint(session, owner=owner, draft=draft)
    return str(made.id)


async def message(owner_id: UUID, _: Made) -> str:
    return str((await happened(owner_id)).id)


async def attempt(_: UUID, made: Made) -> str:
    delivery = await delivered(made["endpoint_id"], await happened(None))
    return str((await attempted(delivery)).id)


async def provider(_: UUID, __: Made) -> str:
    return "acme"


async def totp(owner_id: UUID) -> None:
    """Give the owner an authenticator application."""
    row = TotpAuthenticator(
        user_id=owner_id,
        sealed_secret="-",
        created_at=datetime.now(UTC),
        confirmed_at=datetime.now(UTC),
    )
    async with unit_of_work() as session:
        session.add(row)


async def queue(_: UUID, __: Made) -> str:
    return QUEUE


async def dead_letter(_: UUID, __: Made = NOTHING) -> str:
    message = DeadMessage(
        queue=QUEUE,
        message_id=str(uuid4()),
        body="lit",
        attributes={"ApproximateReceiveCount": "4"},
        message_attributes={},
        sent_at=datetime(2026, 1, 6, 10, tzinfo=UTC),
        receives=4,
    )
    async with autocommit() as session:
        await dead_letters.keep(session, message)
        named = select(DeadLetter.id).where(DeadLetter.message_id == message.message_id)
        return str(await session.scalar(named))


class Lit(Event):
    type: ClassVar[str] = "lanterns.lit"

    @property
    def aggregate(self) -> str:
        return "lantern:one"


async def set_aside_event() -> str:
    """Add an event that the bus did not take."""
    async with unit_of_work() as session:
        event_id = outbox.add(session, Lit())
        await session.flush()
        aside = update(OutboxRow).where(OutboxRow.id == event_id)
        await session.execute(aside.values(set_aside_at=datetime.now(UTC), error="Malformed"))
    return str(event_id)


MAKERS: Mapping[str, Callable[[UUID, Made], Awaitable[str]]] = {
    "item_id": item,
    "post_id": post,
    "session_id": login,
    "task_id": task,
    "passkey_id": passkey,
    "link_id": link,
    "provider": provider,
    "client_id": client,
    "partner_id": partner,
    "key_id": partner_key,
    "queue": queue,
    "dead_letter_id": dead_letter,
    "endpoint_id": endpoint,
    "attempt_id": attempt,
    "message_id": message,
}
"""How to make what a parameter names, for an owner; what stands before it in a path is made before."""

SHARED = NOBODYS | {"dead_letter_id"}
"""The parameters that name nothing of an owner's."""


FOR_OPERATORS: Mapping[str, Callable[[UUID, Made], Awaitable[str]]] = {
    "endpoint_id": endpoint_of_the_installation,
}
"""What operators' paths mean by a parameter that others have, too."""


async def make(
    names: Iterable[str], owner_id: UUID, *, for_operators: bool = False
) -> dict[str, str]:
    """Make what parameters name, one after the other."""
    makers = {**MAKERS, **FOR_OPERATORS} if for_operators else MAKERS
    made: dict[str, str] = {}
    for name in names:
        made[name] = await makers[name](owner_id, made)
    return made


def names_in(path: str) -> list[str]:
    """Name the parameters of a path."""
    return re.findall(r"\{(\w+)\}", path)
