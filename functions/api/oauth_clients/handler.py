"""OAuth clients and grants, for the users whose they are. The same in every version."""

from fastapi import APIRouter

from functions.api.oauth_clients.v1 import clients, grants
from shared.web.app import create_app
from shared.web.handler import lambda_handler

v1 = APIRouter(prefix="/v1/webapp/oauth", deprecated=True)
v2 = APIRouter(prefix="/v2/webapp/oauth")
for version in (v1, v2):
    version.include_router(clients.router)
    version.include_router(grants.router)

app = create_app(title="Switchyard", routers=(v1, v2))
handler = lambda_handler(app)
