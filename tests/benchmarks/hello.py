"""The baseline: the smallest FastAPI application behind Mangum, as a tutorial writes it."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/{path:path}")
async def greet(path: str) -> dict[str, str]:
    return {"hello": path}


handler = Mangum(app, lifespan="off", text_mime_types=["text/", "application/json", "+json"])
