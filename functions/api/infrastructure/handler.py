"""The infrastructure surface, in all of its versions. Each is complete: a client needs one only."""

from fastapi import APIRouter

from functions.api.infrastructure import health
from functions.api.infrastructure.v1 import audit, outbox, queues
from shared.web.app import create_app
from shared.web.handler import lambda_handler

v1 = APIRouter(prefix="/v1/infrastructure", deprecated=True)
v2 = APIRouter(prefix="/v2/infrastructure")
for version in (v1, v2):
    for each in (queues, outbox, audit):
        version.include_router(each.router)

app = create_app(title="Switchyard", routers=(health.router, v1, v2))
handler = lambda_handler(app)
