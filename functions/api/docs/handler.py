"""Serves the OpenAPI documents, the pages that show them, and the portal. FastAPI is not needed for that."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.api.docs.files import answer_asset, answer_document, answer_page
from shared.web.handler import lambda_handler
from shared.web.middleware.stack import middleware
from shared.web.problems import answer_problem

type Endpoint = Callable[[Request], Awaitable[Response]]

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SWAGGER_POLICY = f"{_POLICY}; style-src 'self'"
# ReDoc writes its styles into the page, and searches in a worker made from a blob.
REDOC_POLICY = f"{_POLICY}; style-src 'self' 'unsafe-inline'; worker-src blob:"
# It shows what strangers sent: no text ever becomes markup or a script, by whatever road.
PORTAL_POLICY = (
    f"{SWAGGER_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"
).replace(" data:", "")


def page(name: str, *, policy: str) -> Endpoint:
    """Make the endpoint of a page."""

    async def show(request: Request) -> Response:
        return answer_page(request, name=name, policy=policy)

    return show


def document(name: str) -> Endpoint:
    """Make the endpoint of an OpenAPI document."""

    async def show(request: Request) -> Response:
        return answer_document(request, name=name)

    return show


async def show_asset(request: Request) -> Response:
    """Answer what a page loads."""
    found = answer_asset(request, name=request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return found


app = Starlette(
    routes=[
        Route("/docs", page("docs.html", policy=SWAGGER_POLICY)),
        Route("/redoc", page("redoc.html", policy=REDOC_POLICY)),
        Route("/docs/{name}", show_asset),
        Route("/portal", page("portal.html", policy=PORTAL_POLICY)),
        Route("/portal/{name}", show_asset),
        Route("/openapi.json", document("openapi.json")),
        Route("/v1/openapi.json", document("v1.json")),
        Route("/v2/openapi.json", document("v2.json")),
    ],
    middleware=middleware(),
    exception_handlers={HTTPException: answer_problem},
)
# A redirect would name an address without the stage that the gateway took off.
app.router.redirect_slashes = False

handler = lambda_handler(app)
