"""The webapp surface, in all of its versions. Each is complete: a client needs one only."""

from fastapi import APIRouter

from functions.api.webapp.v1 import credentials, posts, sessions, tasks, uploads, users
from functions.api.webapp.v1 import items as v1_items
from functions.api.webapp.v2 import items as v2_items
from shared.web.app import create_app
from shared.web.handler import lambda_handler

v1 = APIRouter(prefix="/v1/webapp", deprecated=True)
for each in (users, credentials, sessions, v1_items, posts, uploads, tasks):
    v1.include_router(each.router)

v2 = APIRouter(prefix="/v2/webapp")
for each in (users, credentials, sessions, v2_items, posts, uploads, tasks):
    v2.include_router(each.router)

app = create_app(title="Switchyard", routers=(v1, v2))
handler = lambda_handler(app)
