"""The infrastructure surface."""

from functions.api.infrastructure import health
from shared.web.app import create_app
from shared.web.handler import lambda_handler

app = create_app(title="Switchyard", routers=(health.router,))
handler = lambda_handler(app)
