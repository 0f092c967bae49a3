"""Partners and their keys, in all versions. Each is complete: a client needs one only."""

from fastapi import APIRouter

from functions.api.partner_admin.v1 import keys, own_keys, own_partners, partners, usage
from shared.web.app import create_app
from shared.web.handler import lambda_handler

SURFACES = {
    "infrastructure": (partners, keys),
    "webapp": (own_partners, own_keys),
    "partner": (usage,),
}

routers = []
for version in ("v1", "v2"):
    for surface, modules in SURFACES.items():
        router = APIRouter(prefix=f"/{version}/{surface}", deprecated=version == "v1" or None)
        for each in modules:
            router.include_router(each.router)
        routers.append(router)

app = create_app(title="Switchyard", routers=routers)
handler = lambda_handler(app)
