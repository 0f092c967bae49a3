"""Posts by users about items. The same in every version."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from shared.core.schema import Listing, Paging
from shared.domains.catalog import api as catalog
from shared.domains.catalog.errors import NoSuchItemError, PostNotFoundError
from shared.domains.catalog.schemas import Post, PostDraft, PostFilter
from shared.web.auth import PostsReader, PostsWriter
from shared.web.idempotency import ON_EVERY_KEY, IdempotencyKey, IdempotentRoute, replayable
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems
from shared.web.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/posts", tags=["posts"], route_class=IdempotentRoute)


class PostQuery(PostFilter, Paging):
    """Which posts."""


@router.post(
    "",
    status_code=201,
    responses={
        **problems(*FOR_USERS, *ON_EVERY_BODY, NoSuchItemError, *ON_EVERY_KEY),
        **replayable(201),
    },
    openapi_extra=limited(LimitGroup.WRITE),
)
async def create_post(
    user: PostsWriter,
    _: IdempotencyKey,
    draft: PostDraft,
    session: WriteSession,
    response: Response,
) -> Post:
    """Write about an item: your own, or an active one of anybody."""
    post = await catalog.create_post(session, author_id=user.user_id, draft=draft)
    response.headers["Location"] = f"posts/{post.id}"
    return post


@router.get("", responses=problems(*FOR_USERS), openapi_extra=limited(LimitGroup.READ))
async def list_posts(
    user: PostsReader, query: Annotated[PostQuery, Query()], session: ReadSession
) -> Listing[Post]:
    """List posts, newest first, a page at a time, by item and author."""
    which = PostFilter(item_id=query.item_id, author_id=query.author_id)
    page = await catalog.list_posts(session, viewer_id=user.user_id, which=which, paging=query)
    return Listing(items=tuple(page.items), next_cursor=page.next_cursor)


@router.get(
    "/{post_id}",
    responses=problems(*FOR_USERS, PostNotFoundError),
    openapi_extra=limited(LimitGroup.READ),
)
async def get_post(user: PostsReader, post_id: UUID, session: ReadSession) -> Post:
    """Get a post."""
    return await catalog.get_post(session, viewer_id=user.user_id, post_id=post_id)


@router.delete(
    "/{post_id}",
    status_code=204,
    responses=problems(*FOR_USERS, PostNotFoundError),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def delete_post(user: PostsWriter, post_id: UUID, session: WriteSession) -> None:
    """Delete your own post."""
    await catalog.delete_post(session, author_id=user.user_id, post_id=post_id)
