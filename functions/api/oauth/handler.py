"""The authorization server, and the documents that stand at well-known places (RFC 8615)."""

from starlette.requests import Request
from starlette.responses import Response

from functions.api.oauth import answers, keys, metadata, pages, tokens
from functions.api.oauth.errors import answer_oauth_error
from shared.core.errors import ProblemError
from shared.domains.oauth.errors import OAuthError
from shared.web.app import create_app
from shared.web.handler import lambda_handler
from shared.web.problems import answer_problem

PAGES = {"/oauth/authorize", "/oauth/login", "/oauth/code", "/oauth/consent", "/oauth/logout"}
"""What people see: their errors are pages, too."""


async def answer_error(request: Request, exception: Exception) -> Response:
    """Answer a person with a page, a client in the protocol's form, and anybody else with a problem document."""
    if isinstance(exception, ProblemError) and request.url.path in PAGES:
        return await answers.answer_page_error(request, exception)
    if isinstance(exception, OAuthError):
        return await answer_oauth_error(request, exception)
    return await answer_problem(request, exception)


app = create_app(
    title="Switchyard", routers=(keys.router, metadata.router, tokens.router, pages.router)
)
app.add_exception_handler(ProblemError, answer_error)
handler = lambda_handler(app)
