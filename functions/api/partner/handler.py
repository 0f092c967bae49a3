"""The partner surface, in all of its versions. Each is complete: a client needs one only.

What a key has used of its quota is told by `partner_admin`, which alone asks the gateway.
"""

from fastapi import APIRouter

from functions.api.partner.v1 import items as v1_items
from functions.api.partner.v2 import items as v2_items
from shared.web.app import create_app
from shared.web.handler import lambda_handler

v1 = APIRouter(prefix="/v1/partner", deprecated=True)
v1.include_router(v1_items.router)

v2 = APIRouter(prefix="/v2/partner")
v2.include_router(v2_items.router)

app = create_app(title="Switchyard", routers=(v1, v2))
handler = lambda_handler(app)
