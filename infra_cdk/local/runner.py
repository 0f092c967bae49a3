"""The cloud on this machine: brought up in parallel, run until it is stopped, taken down whole."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra_cdk.local.environment import (
    SIGNING_SECRET,
    VAULT_SECRET,
    environment_of,
    origins_of,
)
from infra_cdk.local.logs import FunctionLog, TerminalHandler
from infra_cdk.local.options import Options
from infra_cdk.local.ports import HOST
from infra_cdk.local.processes import StartError
from infra_cdk.local.seeding import (
    DEMO_OPERATOR,
    DEMO_USERNAME,
    OPERATORS,
    REGISTRATION,
    add_demo_user,
    make_operator,
)
from infra_cdk.local.servers import Servers
from infra_cdk.local.state import State
from infra_cdk.local.stopping import Stop
from infra_cdk.registry import registry

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from infra_cdk.local.aws.client import AwsClient
    from infra_cdk.local.clock.clock import Clock
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
            cloud = await _bring_up(options, state=state, say=say, parts=parts)
            ready(cloud.servers)
            await cloud.run()
        except StartError:
            # A terminal sends its Ctrl-C to initdb as well: that is no failure of initdb.
            if stop.requested:
                raise asyncio.CancelledError from None
            raise
        finally:
            stop.ignore()


@dataclass(frozen=True, kw_only=True)
class _Cloud:
    """What has come up, and what starts functions by itself from then on."""

    servers: Servers
    functions: "LambdaService"
    aws: "AwsClient"
    clock: "Clock"

    async def run(self) -> None:
        """Poll and keep the time until a server ends: then raise StartError."""
        from infra_cdk.local.event_sources.mapping import event_sources_of
        from infra_cdk.local.event_sources.poller import Poller
        from infra_cdk.local.event_sources.queue import Queue

        pollers = [
            Poller(source, queue=Queue(source.queue, aws=self.aws), invoke=self.functions.invoke)
            for source in event_sources_of(registry())
        ]
        await _together(self.servers.watch(), self.clock.run(), *(each.run() for each in pollers))


async def _together(*running: Coroutine[Any, Any, None]) -> None:
    """Run all of them until the first one fails, then end the others and raise what it raised."""
    tasks = [asyncio.create_task(each) for each in running]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bring_up(
    options: Options, *, state: State, say: Callable[[str], None], parts: AsyncExitStack
) -> _Cloud:
    servers = Servers(options, state=state)
    parts.push_async_callback(servers.stop)
    servers.start()
    # The rest is imported while the servers come up.
    from aiohttp import ClientSession, TCPConnector

    from infra_cdk.local.aws.client import AwsClient

    _show_requests(say, parts=parts)
    functions = _functions(servers, state=state, say=say, parts=parts)
    clock = _clock(functions)
    await functions.start()
    _warm(functions)
    # Every queue's poller holds a connection for as long as it waits.
    client = await parts.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
    aws = AwsClient(client, url=servers.settings.aws_url)
    await asyncio.gather(
        _prepare_aws(servers, state=state, aws=aws),
        servers.cache_ready(),
        _prepare_database(servers, functions=functions),
    )
    url = await _open_gateway(options.port, functions=functions, aws=aws, parts=parts)
    # A session of its own: a connection that it kept would hold up the gateway's end.
    async with ClientSession() as visitor:
        await _add_people(functions, client=visitor, url=url, say=say)
    return _Cloud(servers=servers, functions=functions, aws=aws, clock=clock)


async def _add_people(
    functions: "LambdaService", *, client: "ClientSession", url: str, say: Callable[[str], None]
) -> None:
    # A function that is broken at this moment is mended while the rest runs: no reason to end.
    if refusal := await add_demo_user(DEMO_OPERATOR, client=client, url=url):
        say(f"The demo users could not be registered: {refusal}")
        return
    user, operator = await asyncio.gather(
        add_demo_user(DEMO_USERNAME, client=client, url=url),
        make_operator(DEMO_OPERATOR, invoke=functions.invoke),
    )
    if user:
        say(f"The demo user could not be registered: {user}")
    if operator:
        say(f"The demo operator has no such role: {operator}")


def _warm(functions: "LambdaService") -> None:
    """Start what the start itself calls, while the servers come up."""
    steps = [each.spec.name for each in registry() if each.spec.runs_on_deploy]
    for name in (*steps, REGISTRATION, OPERATORS):
        functions.warm(name)


async def _open_gateway(
    port: int, *, functions: "LambdaService", aws: "AwsClient", parts: AsyncExitStack
) -> str:
    from infra_cdk.local.console.console import Console
    from infra_cdk.local.gateway.server import Gateway

    names = [each.spec.name for each in registry()]
    console = Console(names, invoke=functions.invoke, mails=aws.mails)
    gateway = Gateway(registry(), functions.invoke, admit=aws.admit, console=console)
    parts.push_async_callback(gateway.stop)
    await gateway.start(HOST, port)
    return f"http://{HOST}:{port}"


def _clock(functions: "LambdaService") -> "Clock":
    from infra_cdk.local.clock.clock import Clock
    from infra_cdk.local.clock.cron import ScheduleError

    try:
        return Clock(registry(), invoke=functions.invoke)
    except ScheduleError as error:
        raise StartError(f"a schedule is not understood: {error}") from error


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
        if function.spec.runs_on_deploy:
            await _deploy_step(function.spec.name, functions=functions)


async def _deploy_step(name: str, *, functions: "LambdaService") -> None:
    outcome = await functions.invoke(name, b"{}")
    if outcome.error:
        error = json.loads(outcome.payload)
        raise StartError(
            f"the function {name} failed: {error.get('errorType')}: {error.get('errorMessage')}"
        )


async def _prepare_aws(servers: Servers, *, state: State, aws: "AwsClient") -> None:
    from infra_cdk.local.aws.client import RefusedError
    from infra_cdk.local.provisioning import provision

    await servers.aws_ready()
    origins = origins_of(servers.settings.port)
    secrets = {SIGNING_SECRET: state.signing_key(), VAULT_SECRET: state.vault_secret()}
    try:
        await provision(registry(), aws=aws, secrets=secrets, origins=origins)
    except RefusedError as error:
        raise StartError(str(error)) from error
