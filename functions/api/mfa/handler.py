"""Second factors, in all versions of the webapp surface."""

from fastapi import APIRouter

from functions.api.mfa import factors, login, passkeys
from shared.web.app import create_app
from shared.web.handler import lambda_handler

v1 = APIRouter(prefix="/v1/webapp", deprecated=True)
v2 = APIRouter(prefix="/v2/webapp")
for version in (v1, v2):
    for each in (login, factors, passkeys):
        version.include_router(each.router)

app = create_app(title="Switchyard", routers=(v1, v2))
handler = lambda_handler(app)
