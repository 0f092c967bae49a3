"""A scene for each function of a repository that keeps to an owner: it is asked for one of two.

Where a function takes the id of a thing too, an owner asks for theirs and for the other's.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.core.schema import Paging
from shared.domains.catalog import repository as catalog
from shared.domains.catalog.schemas import ItemFilter, PostFilter
from shared.domains.federation import repository as federation
from shared.domains.identity import repository as identity
from shared.domains.identity.models import User
from shared.domains.identity.schemas import EmailPurpose
from shared.domains.mfa import repository as mfa
from shared.domains.oauth import repository as oauth
from shared.domains.partners import repository as partners
from shared.domains.partners.schemas import Manager, PartnerFilter
from shared.domains.sessions import repository as sessions
from shared.domains.tasks import repository as tasks
from shared.domains.tasks.schemas import TaskFilter
from tests.authorization import rows
from tests.authorization.rows import CLIENT, ISSUER, LATER, NOW, PASSWORD_HASH
from tests.authorization.stage import OWNERS, Act, Owner, Rows, Scene

SCENES: dict[tuple[str, str], Scene] = {}
"""By the module and the name of the function that has the condition."""

THINGS = [each.thing for each in OWNERS]
NAMES = [each.name for each in OWNERS]
ANY = Paging()


def scene_of(function: Callable[..., Any], made_of: Rows) -> Callable[[Act], Act]:
    def keep(act: Act) -> Act:
        SCENES[function.__module__, function.__name__] = Scene(made_of, act)
        return act

    return keep


@scene_of(catalog._owned, rows.draft)
async def find_items(session: AsyncSession, me: Owner) -> object:
    finders = (catalog.find_item, catalog.find_item_for_change)
    return [await find(session, owner_id=me.id, item_id=i) for find in finders for i in THINGS]


@scene_of(catalog._filtered, rows.draft)
async def list_items(session: AsyncSession, me: Owner) -> object:
    which: dict[str, Any] = {"owner_id": me.id, "which": ItemFilter()}
    whole = await catalog.list_items(session, **which, paging=ANY)
    later = LATER.replace(year=9999)
    return whole, await catalog.list_items_made_until(
        session, **which, until=later, limit=10, cursor=None
    )


@scene_of(catalog._visible_to, rows.draft)
async def find_visible_items(session: AsyncSession, me: Owner) -> object:
    return [await catalog.find_visible_item(session, viewer_id=me.id, item_id=i) for i in THINGS]


@scene_of(catalog._readable, rows.post)
async def read_posts(session: AsyncSession, me: Owner) -> object:
    found = [await catalog.find_post(session, viewer_id=me.id, post_id=i) for i in THINGS]
    return found, await catalog.list_posts(session, viewer_id=me.id, which=PostFilter(), paging=ANY)


@scene_of(catalog.list_posts, rows.public_post)
async def list_posts_of_an_author(session: AsyncSession, me: Owner) -> object:
    which = PostFilter(author_id=me.id)
    return await catalog.list_posts(session, viewer_id=me.id, which=which, paging=ANY)


@scene_of(catalog.find_own_post, rows.post)
async def find_own_posts(session: AsyncSession, me: Owner) -> object:
    return [await catalog.find_own_post(session, author_id=me.id, post_id=i) for i in THINGS]


@scene_of(catalog.remove_posts_of, rows.post)
async def remove_posts(session: AsyncSession, me: Owner) -> object:
    return await catalog.remove_posts_of(session, author_id=me.id, limit=10)


@scene_of(catalog.remove_items_of, rows.draft)
async def remove_items(session: AsyncSession, me: Owner) -> object:
    return await catalog.remove_items_of(session, owner_id=me.id, limit=10)


@scene_of(federation.spend_handover, rows.handover)
async def spend_handovers(session: AsyncSession, me: Owner) -> object:
    given: dict[str, Any] = {"token_digest": "token", "user_id": me.id, "at": NOW}
    return [await federation.spend_handover(session, digest=name, **given) for name in NAMES]


@scene_of(federation.list_links, rows.link)
async def list_links(session: AsyncSession, me: Owner) -> object:
    return await federation.list_links(session, me.id)


@scene_of(federation.count_links, rows.link)
async def count_links(session: AsyncSession, me: Owner) -> object:
    return await federation.count_links(session, me.id, issuers=[ISSUER])


@scene_of(federation.remove_link, rows.link)
async def remove_links(session: AsyncSession, me: Owner) -> object:
    return [await federation.remove_link(session, i, user_id=me.id) for i in THINGS]


@scene_of(identity.find, rows.user)
async def find_user(session: AsyncSession, me: Owner) -> object:
    return await identity.find(session, me.id)


@scene_of(identity.find_for_change, rows.user)
async def find_user_for_change(session: AsyncSession, me: Owner) -> object:
    return await identity.find_for_change(session, me.id)


@scene_of(identity.find_with_hash, rows.user)
async def find_user_with_hash(session: AsyncSession, me: Owner) -> object:
    return await identity.find_with_hash(session, me.id)


@scene_of(identity.replace_hash, rows.user)
async def replace_hash(session: AsyncSession, me: Owner) -> None:
    same = User(id=me.id, password_hash=PASSWORD_HASH)
    await identity.replace_hash(session, same, "another")


@scene_of(identity.remove, rows.user)
async def remove_user(session: AsyncSession, me: Owner) -> object:
    return await identity.remove(session, me.id)


@scene_of(identity.find_role, rows.user)
async def find_role(session: AsyncSession, me: Owner) -> object:
    return await identity.find_role(session, me.id)


@scene_of(identity.count_live_tokens, rows.email_token)
async def count_live_tokens(session: AsyncSession, me: Owner) -> object:
    purpose = EmailPurpose.VERIFY
    return await identity.count_live_tokens(session, me.id, purpose=purpose, at=NOW)


@scene_of(identity.forget_tokens, rows.email_token)
async def forget_tokens(session: AsyncSession, me: Owner) -> None:
    await identity.forget_tokens(session, me.id, purpose=EmailPurpose.VERIFY)


@scene_of(mfa.methods_of, rows.methods)
async def methods(session: AsyncSession, me: Owner) -> object:
    return await mfa.methods_of(session, me.id)


@scene_of(mfa.count_factors, rows.factors)
async def count_factors(session: AsyncSession, me: Owner) -> object:
    return await mfa.count_factors(session, me.id)


@scene_of(mfa.spend_challenge, rows.challenge)
async def spend_challenges(session: AsyncSession, me: Owner) -> object:
    given: dict[str, Any] = {"purpose": "lamp", "user_id": me.id, "at": NOW}
    return [await mfa.spend_challenge(session, name, **given) for name in NAMES]


@scene_of(mfa.find_totp, rows.totp)
async def find_totp(session: AsyncSession, me: Owner) -> object:
    return await mfa.find_totp(session, me.id)


@scene_of(mfa.spend_step, rows.totp)
async def spend_step(session: AsyncSession, me: Owner) -> object:
    return await mfa.spend_step(session, me.id, step=1, at=NOW)


@scene_of(mfa.remove_totp, rows.totp)
async def remove_totp(session: AsyncSession, me: Owner) -> object:
    return await mfa.remove_totp(session, me.id)


@scene_of(mfa.replace_recovery_codes, rows.recovery_code)
async def replace_recovery_codes(session: AsyncSession, me: Owner) -> None:
    await mfa.replace_recovery_codes(session, me.id, ["another"], at=NOW)


@scene_of(mfa.spend_recovery_code, rows.recovery_code)
async def spend_recovery_codes(session: AsyncSession, me: Owner) -> object:
    return [await mfa.spend_recovery_code(session, me.id, name, at=NOW) for name in NAMES]


@scene_of(mfa.count_recovery_codes, rows.recovery_code)
async def count_recovery_codes(session: AsyncSession, me: Owner) -> object:
    return await mfa.count_recovery_codes(session, me.id)


@scene_of(mfa.list_passkeys, rows.passkey)
async def list_passkeys(session: AsyncSession, me: Owner) -> object:
    return await mfa.list_passkeys(session, me.id)


@scene_of(mfa.find_passkey, rows.passkey)
async def find_passkeys(session: AsyncSession, me: Owner) -> object:
    return [await mfa.find_passkey(session, user_id=me.id, passkey_id=i) for i in THINGS]


@scene_of(mfa.find_credential, rows.passkey)
async def find_credentials(session: AsyncSession, me: Owner) -> object:
    return [await mfa.find_credential(session, name, user_id=me.id) for name in NAMES]


@scene_of(mfa.remove_passkey, rows.passkey)
async def remove_passkeys(session: AsyncSession, me: Owner) -> object:
    return [await mfa.remove_passkey(session, user_id=me.id, passkey_id=i) for i in THINGS]


@scene_of(oauth.find_own_client, rows.client)
async def find_clients(session: AsyncSession, me: Owner) -> object:
    return [await oauth.find_own_client(session, owner_id=me.id, client_id=i) for i in THINGS]


@scene_of(oauth.find_own_client_for_change, rows.client)
async def find_clients_for_change(session: AsyncSession, me: Owner) -> object:
    find = oauth.find_own_client_for_change
    return [await find(session, owner_id=me.id, client_id=i) for i in THINGS]


@scene_of(oauth.list_clients, rows.client)
async def list_clients(session: AsyncSession, me: Owner) -> object:
    return await oauth.list_clients(session, me.id)


@scene_of(oauth.count_clients, rows.client)
async def count_clients(session: AsyncSession, me: Owner) -> object:
    return await oauth.count_clients(session, me.id)


@scene_of(oauth.find_consent, rows.grant)
async def find_consent(session: AsyncSession, me: Owner) -> object:
    return await oauth.find_consent(session, user_id=me.id, client_id=CLIENT)


@scene_of(oauth.list_consents, rows.consent)
async def list_consents(session: AsyncSession, me: Owner) -> object:
    return await oauth.list_consents(session, me.id)


@scene_of(oauth.remove_consent, rows.grant)
async def remove_consent(session: AsyncSession, me: Owner) -> object:
    return await oauth.remove_consent(session, user_id=me.id, client_id=CLIENT)


@scene_of(partners._seen_by, rows.partner)
async def see_partners(session: AsyncSession, me: Owner) -> object:
    manager = Manager(user_id=me.id, operator=False)
    finders = (partners.find_partner, partners.find_partner_for_change)
    found = [await find(session, i, manager=manager) for find in finders for i in THINGS]
    return found, await partners.list_partners(
        session, manager=manager, which=PartnerFilter(), paging=ANY
    )


@scene_of(partners.hold_partner, rows.partner)
async def hold_partner(session: AsyncSession, me: Owner) -> object:
    return await partners.hold_partner(session, me.thing)


@scene_of(partners.forget_partner, rows.partner)
async def forget_partner(session: AsyncSession, me: Owner) -> None:
    await partners.forget_partner(session, me.thing)


@scene_of(partners._of, rows.partner_key)
async def find_keys(session: AsyncSession, me: Owner) -> object:
    finders = (partners.find_key, partners.find_key_for_change)
    return [await find(session, i, partner_id=me.id) for find in finders for i in THINGS]


@scene_of(partners.list_keys, rows.partner_key)
async def list_keys(session: AsyncSession, me: Owner) -> object:
    return await partners.list_keys(session, me.id, paging=ANY)


@scene_of(partners.count_live_keys, rows.partner_key)
async def count_live_keys(session: AsyncSession, me: Owner) -> object:
    return await partners.count_live_keys(session, me.id, at=NOW)


@scene_of(partners.keys_at_the_gateway, rows.partner_key)
async def keys_at_the_gateway(session: AsyncSession, me: Owner) -> object:
    return await partners.keys_at_the_gateway(session, me.id)


@scene_of(partners.end_keys, rows.partner_key)
async def end_keys(session: AsyncSession, me: Owner) -> object:
    return await partners.end_keys(session, at=NOW, partner_id=me.id)


@scene_of(sessions.list_live, rows.login)
async def list_logins(session: AsyncSession, me: Owner) -> object:
    return await sessions.list_live(session, me.id, at=NOW)


@scene_of(sessions.revoke, rows.login)
async def revoke_logins(session: AsyncSession, me: Owner) -> object:
    return await sessions.revoke(session, user_id=me.id, at=NOW, reason="tested", only=THINGS)


@scene_of(tasks.unfinished_kinds, rows.task)
async def unfinished_kinds(session: AsyncSession, me: Owner) -> object:
    return await tasks.unfinished_kinds(session, me.id)


@scene_of(tasks.find, rows.task)
async def find_tasks(session: AsyncSession, me: Owner) -> object:
    return [await tasks.find(session, owner_id=me.id, task_id=i) for i in THINGS]


@scene_of(tasks.find_own_for_change, rows.task)
async def find_tasks_for_change(session: AsyncSession, me: Owner) -> object:
    find = tasks.find_own_for_change
    return [await find(session, owner_id=me.id, task_id=i) for i in THINGS]


@scene_of(tasks.list_tasks, rows.task)
async def list_tasks(session: AsyncSession, me: Owner) -> object:
    return await tasks.list_tasks(session, owner_id=me.id, which=TaskFilter(), paging=ANY)


@scene_of(tasks.unfinished_of, rows.task)
async def unfinished_tasks(session: AsyncSession, me: Owner) -> object:
    return await tasks.unfinished_of(session, me.id, beside=CLIENT)


@scene_of(tasks.remove_of, rows.task)
async def remove_tasks(session: AsyncSession, me: Owner) -> object:
    return await tasks.remove_of(session, me.id, beside=CLIENT, limit=10)
