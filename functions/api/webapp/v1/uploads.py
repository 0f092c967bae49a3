"""Files for tasks to work on. The same in every version."""

from fastapi import APIRouter

from shared.domains.tasks import api as tasks
from shared.domains.tasks.schemas import Upload, UploadRequest
from shared.web.auth import CurrentUser
from shared.web.limits import LimitGroup, limited
from shared.web.openapi import FOR_USERS, ON_EVERY_BODY, problems

router = APIRouter(prefix="/uploads", tags=["tasks"])


@router.post(
    "",
    responses=problems(*FOR_USERS, *ON_EVERY_BODY),
    openapi_extra=limited(LimitGroup.WRITE),
)
async def begin_upload(user: CurrentUser, request: UploadRequest) -> Upload:
    """Get an address to upload a file to, of exactly the size and type that you name.

    PUT the file there with the `headers` of the answer within 15 minutes; the file itself never passes
    this API. Then queue a task that names the `upload_id`.
    """
    return await tasks.begin_upload(owner_id=user.user_id, request=request)
