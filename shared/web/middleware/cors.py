"""Cross-origin requests (Fetch standard) from the origins of the settings."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from shared.config.http import http_settings
from shared.core.errors import ForbiddenError
from shared.manifest.headers import CORS_EXPOSED_HEADERS, CORS_HEADERS, CORS_MAX_AGE_S, CORS_METHODS
from shared.web.problems import respond


class Cors(CORSMiddleware):
    """Starlette's CORS, set up from the settings; a refused preflight is a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        # Made at the first request, so that an import reads no environment.
        super().__init__(
            app,
            allow_origins=http_settings().cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_HEADERS,
            expose_headers=CORS_EXPOSED_HEADERS,
            max_age=CORS_MAX_AGE_S,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer OPTIONS; a refusal says no more than that it is one."""
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        return respond(
            ForbiddenError("This origin, method or header is not allowed across origins.")
        )
