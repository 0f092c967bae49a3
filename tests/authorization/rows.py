"""Rows of an owner's, of each kind that repositories keep to owners."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.adapters.database.base import Base
from shared.domains.catalog.models import Item, Post
from shared.domains.catalog.schemas import ItemStatus
from shared.domains.federation.models import ExternalFlow, ExternalLink
from shared.domains.identity.models import EmailToken, User
from shared.domains.identity.schemas import EmailPurpose
from shared.domains.mfa.models import MfaChallenge, PasskeyRow, RecoveryCode, TotpAuthenticator
from shared.domains.oauth.models import ClientRow, CodeRow, ConsentRow
from shared.domains.partners.models import PartnerKeyRow, PartnerRow
from shared.domains.partners.schemas import KeyState
from shared.domains.sessions.models import SessionRow
from shared.domains.tasks.models import Task
from tests.authorization.stage import ADA, Owner

NOW = datetime(2026, 1, 6, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CLIENT = UUID(int=0xC0)
"""A client that everybody uses."""
ISSUER = "https://acme.example"
PASSWORD_HASH = "-"


def user(owner: Owner) -> Sequence[Base]:
    email = f"{owner.name}@example.com"
    return [
        User(
            id=owner.id,
            username=owner.name,
            email=email,
            password_hash=PASSWORD_HASH,
            role=owner.role,
        )
    ]


def email_token(owner: Owner) -> Sequence[Base]:
    return [
        EmailToken(
            id=owner.thing,
            user_id=owner.id,
            purpose=EmailPurpose.VERIFY,
            email="-",
            digest=owner.name,
            expires_at=LATER,
        )
    ]


def draft(owner: Owner) -> Sequence[Base]:
    return [Item(id=owner.thing, owner_id=owner.id, name="Lantern", status=ItemStatus.DRAFT)]


def post(owner: Owner) -> Sequence[Base]:
    """Give them a post about a draft of nobody's: only its author may see it."""
    about = Item(id=owner.thing, owner_id=CLIENT, name="Lantern", status=ItemStatus.DRAFT)
    return [*user(owner), about, _post(owner)]


def public_post(owner: Owner) -> Sequence[Base]:
    about = Item(id=owner.thing, owner_id=owner.id, name="Lantern", status=ItemStatus.ACTIVE)
    return [*user(owner), about, _post(owner)]


def _post(owner: Owner) -> Post:
    return Post(id=owner.thing, author_id=owner.id, item_id=owner.thing, body="It shines.")


def link(owner: Owner) -> Sequence[Base]:
    return [
        ExternalLink(
            id=owner.thing,
            user_id=owner.id,
            provider="acme",
            issuer=ISSUER,
            subject=owner.name,
        )
    ]


def handover(owner: Owner) -> Sequence[Base]:
    """Give them a sign-in that waits; of two that wait, one token would do for both."""
    return [
        ExternalFlow(
            id=owner.thing,
            provider="acme",
            user_id=owner.id,
            token_digest="token",
            state_digest=owner.name,
            handover_digest=owner.name,
            sealed_identity=owner.name,
            expires_at=LATER,
        )
    ]


def challenge(owner: Owner) -> Sequence[Base]:
    return [MfaChallenge(digest=owner.name, purpose="lamp", user_id=owner.id, expires_at=LATER)]


def totp(owner: Owner) -> Sequence[Base]:
    return [
        TotpAuthenticator(user_id=owner.id, sealed_secret="-", created_at=NOW, confirmed_at=NOW)
    ]


def recovery_code(owner: Owner) -> Sequence[Base]:
    return [RecoveryCode(digest=owner.name, user_id=owner.id, created_at=NOW)]


def passkey(owner: Owner) -> Sequence[Base]:
    return [
        PasskeyRow(
            id=owner.thing,
            user_id=owner.id,
            credential_id=owner.name,
            public_key="",
            sign_count=0,
            name="Laptop",
            transports=[],
            aaguid="-",
            synced=False,
            backed_up=False,
        )
    ]


def factors(owner: Owner) -> Sequence[Base]:
    return [*passkey(owner), *totp(owner)]


def methods(owner: Owner) -> Sequence[Base]:
    """Give one a passkey, the other the other methods."""
    return passkey(owner) if owner is ADA else [*totp(owner), *recovery_code(owner)]


def client(owner: Owner) -> Sequence[Base]:
    return [
        ClientRow(
            id=owner.thing,
            owner_id=owner.id,
            name="Timetable",
            auth_method="none",
            redirect_uris=[],
            grant_types=[],
            scope="",
        )
    ]


def grant(owner: Owner) -> Sequence[Base]:
    """Let the client that everybody uses do something, and have a code of theirs wait for it."""
    code = CodeRow(
        id=owner.thing,
        digest=owner.name,
        client_id=CLIENT,
        user_id=owner.id,
        redirect_uri="-",
        challenge="-",
        scope="",
        methods=[],
        expires_at=LATER,
    )
    return [_consent(owner, CLIENT), code]


def consent(owner: Owner) -> Sequence[Base]:
    return [*client(owner), _consent(owner, owner.thing)]


def _consent(owner: Owner, client_id: UUID) -> ConsentRow:
    return ConsentRow(id=owner.thing, user_id=owner.id, client_id=client_id, scope=owner.name)


def partner(admin: Owner) -> Sequence[Base]:
    return [
        PartnerRow(id=admin.thing, name=admin.name, plan="free", contact="-", admin_id=admin.id)
    ]


def partner_key(partner: Owner) -> Sequence[Base]:
    return [
        PartnerKeyRow(
            id=partner.thing,
            partner_id=partner.id,
            name="checkout",
            hint="-",
            digest=partner.name,
            scope="",
            networks=[],
            state=KeyState.ACTIVE,
            activated_at=NOW,
        )
    ]


def login(owner: Owner) -> Sequence[Base]:
    return [
        SessionRow(
            id=owner.thing,
            user_id=owner.id,
            scope="",
            methods=[],
            device="telephone",
            address="192.0.2.7",
            last_seen_at=NOW,
            expires_at=LATER,
        )
    ]


def task(owner: Owner) -> Sequence[Base]:
    return [Task(id=owner.thing, owner_id=owner.id, kind="export_items", parameters={})]
