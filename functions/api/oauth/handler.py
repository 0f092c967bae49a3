"""The documents that stand at well-known places (RFC 8615)."""

from functions.api.oauth import keys
from shared.web.app import create_app
from shared.web.handler import lambda_handler

app = create_app(title="Switchyard", routers=(keys.router,))
handler = lambda_handler(app)
