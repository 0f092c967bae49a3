"""What every HTTP function stands behind, outermost first: pure ASGI, about 15 us each."""

from starlette.middleware import Middleware

from shared.web.middleware.body_limit import BodyLimit
from shared.web.middleware.correlation import Correlate
from shared.web.middleware.cors import Cors
from shared.web.middleware.error_boundary import ErrorBoundary
from shared.web.middleware.security_headers import SecurityHeaders
from shared.web.middleware.trusted_hosts import TrustedHosts
from shared.web.versioning import Versions


def middleware() -> list[Middleware]:
    """Return the stack. What stands outside of ErrorBoundary marks its answers too."""
    classes = (Correlate, SecurityHeaders, Versions, Cors, ErrorBoundary, TrustedHosts, BodyLimit)
    return [Middleware(each) for each in classes]
