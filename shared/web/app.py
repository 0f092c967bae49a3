"""The FastAPI application of one function."""

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

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
            HTTPException: answer_http_exception,
            RequestValidationError: answer_invalid_request,
        },
    )
    for router in routers:
        app.include_router(router)
    return app


async def answer_http_exception(request: Request, exception: Exception) -> Response:
    """Answer what the framework raised; a 405 names all methods of the path (RFC 9110, section 15.5.6)."""
    response = await answer_problem(request, exception)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods_of(request))
    return response


def _methods_of(request: Request) -> list[str]:
    # Each method of a path is a route of its own, and the router names those of the first.
    scope = {name: request.scope[name] for name in ("type", "path", "root_path", "headers")}
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


def operation_id(route: APIRoute) -> str:
    """Return the id that clients make a method name of: `v2_create_item`."""
    first = route.path_format.split("/", 2)[1]
    return f"{first}_{route.name}" if first in {"v1", "v2"} else route.name
