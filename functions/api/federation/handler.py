"""Signing in by outside providers, in all versions of the webapp surface."""

from fastapi import APIRouter

from functions.api.federation import links, sign_in
from shared.web.app import create_app
from shared.web.handler import lambda_handler

v1 = APIRouter(prefix="/v1/webapp", deprecated=True)
v2 = APIRouter(prefix="/v2/webapp")
for version in (v1, v2):
    # First the links: else theirs would be a provider's name.
    version.include_router(links.router)
    version.include_router(sign_in.router)

app = create_app(title="Switchyard", routers=(v1, v2))
handler = lambda_handler(app)
