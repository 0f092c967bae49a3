"""The FastAPI application of one function."""

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.core.errors import ProblemError
from shared.web.middleware.stack import middleware
from shared.web.problems import answer_problem
from shared.web.validation import answer_invalid_request


def create_app(*, title: str, routers: Iterable[APIRouter]) -> FastAPI:
    """Return an application whose every answer is marked, logged and, where an error, a problem.

    The documentation is another function's, prebuilt: building OpenAPI costs a request dearly.
    """
    app = FastAPI(
        title=title,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        middleware=middleware(),
        exception_handlers={
            ProblemError: answer_problem,
            HTTPException: answer_problem,
            RequestValidationError: answer_invalid_request,
        },
    )
    for router in routers:
        app.include_router(router)
    return app


def operation_id(route: APIRoute) -> str:
    """Return the id that clients make a method name of: `v2_create_item`."""
    first = route.path_format.split("/", 2)[1]
    return f"{first}_{route.name}" if first in {"v1", "v2"} else route.name
