"""A request through the gateway, the Lambda service, Mangum and FastAPI, and back."""

from pathlib import Path

import pytest
from aiohttp import ClientSession

from infra_cdk.local.gateway.server import Gateway
from shared.manifest.triggers import Http
from tests.infra_cdk.local.function_fixtures import Code, running

pytestmark = pytest.mark.anyio

HELLO = """
from fastapi import FastAPI, Request, Response
from mangum import Mangum

app = FastAPI()

@app.post("/hello/{name:path}")
async def hello(name: str, request: Request) -> Response:
    body = await request.body()
    tags = ",".join(request.query_params.getlist("tag"))
    answer = Response(body[::-1], headers={"X-Name": name, "X-Tags": tags}, media_type="image/png")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer

handler = Mangum(app, lifespan="off")
"""


async def test_a_request_reaches_fastapi_whole_and_so_does_its_answer(
    code: Code, bytecode: Path
) -> None:
    code.write("hello", HELLO, triggers=(Http("/hello/{proxy+}"),))
    body = bytes(range(256))
    async with running(code, bytecode=bytecode) as run:
        gateway = Gateway(code.functions, run.service.invoke)
        await gateway.start("127.0.0.1", 0)
        try:
            url = f"http://127.0.0.1:{gateway.port}/hello/you%20two?tag=a&tag=b"
            async with ClientSession() as client, client.post(url, data=body) as got:
                assert (got.status, await got.read()) == (200, body[::-1])
                assert (got.headers["X-Name"], got.headers["X-Tags"]) == ("you two", "a,b")
                assert len(got.headers.getall("Set-Cookie")) == 2
        finally:
            await gateway.stop()
