"""The cloud on this machine: brought up in parallel, run until it is stopped, taken down whole."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING

from infra_cdk.local.environment import environment_of
from infra_cdk.local.logs import FunctionLog, TerminalHandler
from infra_cdk.local.options import Options
from infra_cdk.local.ports import HOST
from infra_cdk.local.processes import StartError
from infra_cdk.local.seeding import add_demo_user, put_signing_key
from infra_cdk.local.servers import Servers
from infra_cdk.local.state import State
from infra_cdk.local.stopping import Stop
from infra_cdk.registry import registry
from shared.manifest.triggers import Invoke

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from infra_cdk.local.lambda_service.service import LambdaService


async def run(
    options: Options,
    *,
    state: State,
    stop: Stop,
    say: Callable[[str], None],
    ready: Callable[[Servers], None],
) -> None:
    """Run until `stop` is requested, which raises CancelledError; call `ready` when all is up.

    `say` gets each line for the terminal. Raises StartError where a part does not start, or ends by
    itself. However this ends, no child and no port of it is left.
    """
    if task := asyncio.current_task():
        stop.cancels(task)
    async with AsyncExitStack() as parts:
        try:
            servers = await _bring_up(options, state=state, say=say, parts=parts)
            ready(servers)
            await servers.watch()
        except StartError:
            # A terminal sends its Ctrl-C to initdb as well: that is no failure of initdb.
            if stop.requested:
                raise asyncio.CancelledError from None
            raise
        finally:
            stop.ignore()


async def _bring_up(
    options: Options, *, state: State, say: Callable[[str], None], parts: AsyncExitStack
) -> Servers:
    servers = Servers(options, state=state)
    parts.push_async_callback(servers.stop)
    servers.start()
    # The rest is imported while the servers come up.
    from aiohttp import ClientSession

    _show_requests(say, parts=parts)
    functions = _functions(servers, state=state, say=say, parts=parts)
    await functions.start()
    async with ClientSession() as client:
        await asyncio.gather(
            _prepare_aws(servers, key=state.signing_key(), client=client),
            servers.cache_ready(),
            _prepare_database(servers, functions=functions),
        )
        url = await _open_gateway(options.port, functions=functions, parts=parts)
        # A function that is broken at this moment is mended while the rest runs: no reason to end.
        if refusal := await add_demo_user(client=client, url=url):
            say(f"The demo user could not be registered: {refusal}")
    return servers


async def _open_gateway(port: int, *, functions: "LambdaService", parts: AsyncExitStack) -> str:
    from infra_cdk.local.gateway.server import Gateway

    gateway = Gateway(registry(), functions.invoke)
    parts.push_async_callback(gateway.stop)
    await gateway.start(HOST, port)
    return f"http://{HOST}:{port}"


def _show_requests(say: Callable[[str], None], *, parts: AsyncExitStack) -> None:
    logger = logging.getLogger("infra_cdk.local")
    handler = TerminalHandler(say)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    parts.callback(logger.removeHandler, handler)


def _functions(
    servers: Servers, *, state: State, say: Callable[[str], None], parts: AsyncExitStack
) -> "LambdaService":
    from infra_cdk.local.lambda_service.service import LambdaService

    settings = servers.settings
    log = parts.enter_context(closing(FunctionLog(state.logs / "functions.log", say=say)))
    service = LambdaService(
        registry(),
        lambda function: environment_of(function.spec, settings=settings),
        log=log.write,
    )
    parts.push_async_callback(service.stop)
    return service


async def _prepare_database(servers: Servers, *, functions: "LambdaService") -> None:
    await servers.database_ready()
    for function in registry():
        if Invoke(on_deploy=True) in function.spec.triggers:
            await _deploy_step(function.spec.name, functions=functions)


async def _deploy_step(name: str, *, functions: "LambdaService") -> None:
    outcome = await functions.invoke(name, b"{}")
    if outcome.error:
        error = json.loads(outcome.payload)
        raise StartError(
            f"the function {name} failed: {error.get('errorType')}: {error.get('errorMessage')}"
        )


async def _prepare_aws(servers: Servers, *, key: str, client: "ClientSession") -> None:
    await servers.aws_ready()
    await put_signing_key(key, client=client, aws_url=servers.settings.aws_url)
