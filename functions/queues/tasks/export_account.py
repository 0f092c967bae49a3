"""Writes all that is kept about a user into a JSON file, a part of an upload at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.queues.tasks.kinds import Kind, Progress, Step, TaskInHand
from shared.adapters import files
from shared.core.pagination import Page
from shared.core.schema import Paging, Schema
from shared.domains.catalog import api as catalog
from shared.domains.catalog.schemas import ItemFilter, PostFilter
from shared.domains.federation import api as federation
from shared.domains.identity import api as identity
from shared.domains.mfa import api as mfa
from shared.domains.oauth import api as oauth
from shared.domains.sessions import api as sessions
from shared.domains.tasks import api as tasks
from shared.domains.tasks.schemas import TaskFilter
from shared.domains.webhooks import api as webhooks
from shared.domains.webhooks.schemas import EndpointFilter, Owner

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

PART_BYTES = 5 * 1024 * 1024
"""Least size of every part of an upload but the last. Source: AWS, "Amazon S3 multipart upload limits"."""

PAGE = 100
"""Rows that are read at once."""

CONTENT_TYPE = "application/json"

type Pages = Callable[["AsyncSession", UUID, Paging], Awaitable[Page[Any]]]


class Checkpoint(Schema):
    """Where an export stands: in which section, after which row; None once all is written.

    `first` tells whether the section has no row yet. `upload` is S3's id of the upload and `etags` its
    parts so far.
    """

    upload: str
    etags: tuple[str, ...] = ()
    section: str | None = None
    cursor: str | None = None
    first: bool = True


async def _items(session: "AsyncSession", owner_id: UUID, paging: Paging) -> Page[Any]:
    oldest_first = ItemFilter(sort="created_at")
    return await catalog.list_items(session, owner_id=owner_id, which=oldest_first, paging=paging)


async def _posts(session: "AsyncSession", owner_id: UUID, paging: Paging) -> Page[Any]:
    own = PostFilter(author_id=owner_id)
    return await catalog.list_posts(session, viewer_id=owner_id, which=own, paging=paging)


async def _tasks(session: "AsyncSession", owner_id: UUID, paging: Paging) -> Page[Any]:
    return await tasks.list_tasks(session, owner_id=owner_id, which=TaskFilter(), paging=paging)


async def _sessions(session: "AsyncSession", owner_id: UUID, _: Paging) -> Page[Any]:
    # All of them: there are 200 at most.
    found = await sessions.list_sessions(session, user_id=owner_id, current=None)
    return Page(items=list(found))


async def _external_logins(session: "AsyncSession", owner_id: UUID, _: Paging) -> Page[Any]:
    return Page(items=list(await federation.list_links(session, owner_id)))


async def _oauth_clients(session: "AsyncSession", owner_id: UUID, _: Paging) -> Page[Any]:
    return Page(items=list(await oauth.list_clients(session, owner_id)))


async def _oauth_grants(session: "AsyncSession", owner_id: UUID, _: Paging) -> Page[Any]:
    return Page(items=list(await oauth.list_grants(session, owner_id)))


async def _webhooks(session: "AsyncSession", owner_id: UUID, paging: Paging) -> Page[Any]:
    # Neither secrets nor the values of headers are in it: who has the file could use them.
    owner = Owner(owner_id=owner_id)
    return await webhooks.list_endpoints(
        session, owner=owner, which=EndpointFilter(), paging=paging
    )


SECTIONS: Mapping[str, Pages] = {
    "items": _items,
    "posts": _posts,
    "tasks": _tasks,
    "sessions": _sessions,
    "second_factors": mfa.export_factors,
    "external_logins": _external_logins,
    "oauth_clients": _oauth_clients,
    "oauth_grants": _oauth_grants,
    "webhooks": _webhooks,
}
"""In their order in the file, behind the user."""

_ORDER = (*SECTIONS, None)


@asynccontextmanager
async def begin(_: TaskInHand) -> AsyncIterator[Step]:
    """Give the step: there is nothing to open."""
    yield _write_some


async def _write_some(session: "AsyncSession", task: TaskInHand) -> Progress:
    if task.checkpoint is None:
        return await _open(task)
    place = Checkpoint.model_validate(task.checkpoint)
    if place.section is None:
        return await _close(task, place)
    return await _write_part(session, task, place)


async def _open(task: TaskInHand) -> Progress:
    upload = await files.begin_upload(_key_of(task), content_type=CONTENT_TYPE)
    return _progress(Checkpoint(upload=upload, section=_ORDER[0]), done=0)


async def _write_part(session: "AsyncSession", task: TaskInHand, place: Checkpoint) -> Progress:
    body = bytearray() if place.etags else bytearray(await _beginning(session, task.owner_id))
    done = task.done
    while place.section is not None and len(body) < PART_BYTES:
        paging = Paging(limit=PAGE, cursor=place.cursor)
        page = await SECTIONS[place.section](session, task.owner_id, paging)
        body += _text_of(page, place)
        place = _after(page, place)
        done += len(page.items)
    # Its number is the same when it is written again: what is there already is replaced.
    etag = await files.put_part(
        _key_of(task), upload=place.upload, number=len(place.etags) + 1, body=bytes(body)
    )
    return _progress(place.model_copy(update={"etags": (*place.etags, etag)}), done=done)


async def _close(task: TaskInHand, place: Checkpoint) -> Progress:
    key = _key_of(task)
    if await files.size_of(key) is None:
        # It is there where this step was done before and could not say so.
        await files.finish_upload(key, upload=place.upload, etags=place.etags)
    size_bytes = await files.size_of(key)
    file = {"key": key, "name": "account.json", "size_bytes": size_bytes}
    result = {"rows": task.done, "file": file}
    return Progress(
        checkpoint=place.model_dump(mode="json"), done=task.done, total=task.done, result=result
    )


async def _beginning(session: "AsyncSession", owner_id: UUID) -> bytes:
    user = await identity.get_user(session, owner_id)
    return f'{{"user":{user.model_dump_json()},"{_ORDER[0]}":['.encode()


def _text_of(page: Page[Any], place: Checkpoint) -> bytes:
    rows = b",".join(row.model_dump_json().encode() for row in page.items)
    before = b"" if place.first or not rows else b","
    if page.next_cursor:
        return before + rows
    follows = _following(place)
    return before + rows + (f'],"{follows}":['.encode() if follows else b"]}")


def _after(page: Page[Any], place: Checkpoint) -> Checkpoint:
    if page.next_cursor:
        return place.model_copy(update={"cursor": page.next_cursor, "first": False})
    moved = {"section": _following(place), "cursor": None, "first": True}
    return place.model_copy(update=moved)


def _following(place: Checkpoint) -> str | None:
    return _ORDER[_ORDER.index(place.section) + 1]


def _progress(place: Checkpoint, *, done: int) -> Progress:
    return Progress(checkpoint=place.model_dump(mode="json"), done=done, total=None)


def _key_of(task: TaskInHand) -> str:
    return tasks.export_key(owner_id=task.owner_id, task_id=task.id, extension="json")


KIND = Kind(begin=begin, step_s=40)
