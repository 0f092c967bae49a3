"""`python -m infra_cdk.local`: the whole cloud on this machine.

With `reset`, forget its state; with `job NAME`, run a periodic job now on the one that is running; with
`rotate-keys now|compromised`, replace the keys that its tokens are signed with.
"""

import asyncio
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from infra_cdk.local.options import Options, read_options
from infra_cdk.local.processes import StartError
from infra_cdk.local.state import State
from infra_cdk.local.stopping import Stop, Terminal
from infra_cdk.registry import ROOT, registry

if TYPE_CHECKING:
    from infra_cdk.local.servers import Servers


def main(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit status, 0 also after Ctrl-C."""
    stop = Stop()
    with stop.heeding_signals():
        try:
            _obey(arguments, stop=stop)
        except StartError as error:
            print(f"switchyard: {error}", file=sys.stderr)
            return 1
    return 0


def _obey(arguments: list[str], *, stop: Stop) -> None:
    options = read_options(os.environ)
    if arguments == ["reset"]:
        State(options.place).clear()
        print(f"Forgot the state in {_shown(options)}.")
    elif arguments[:1] == ["job"] and len(arguments) == len(["job", "NAME"]):
        _run_job(arguments[1], options=options)
    elif arguments[:1] == ["rotate-keys"] and len(arguments) == len(["rotate-keys", "WHY"]):
        _rotate_keys(arguments[1], options=options)
    elif arguments:
        raise StartError("usage: python -m infra_cdk.local [reset | job NAME | rotate-keys WHY]")
    else:
        _serve(options, stop=stop)


def _run_job(name: str, *, options: Options) -> None:
    from infra_cdk.local.job import run_job

    print(run_job(name, functions=registry(), port=options.port))


def _rotate_keys(why: str, *, options: Options) -> None:
    from infra_cdk.local.job import run_job

    if why not in {"now", "compromised"}:
        raise StartError("say why, like make rotate-keys WHY=now, or WHY=compromised")
    rotate = {"rotate": why}
    print(run_job("rotate-signing-key", functions=registry(), port=options.port, besides=rotate))


def _serve(options: Options, *, stop: Stop) -> None:
    started = time.monotonic()
    # Imported here, so that a Ctrl-C during these imports ends as quietly as a later one.
    from infra_cdk.local.checks import check_cache, check_database, own_port
    from infra_cdk.local.runner import run

    terminal = Terminal(stop)
    state = State(options.place)
    with own_port(options.port), state.locked(), suppress(asyncio.CancelledError):
        if options.database_url:
            check_database(options.database_url)
        if options.redis_url:
            check_cache(options.redis_url)
        terminal.say("Starting ...")
        cloud = run(
            options,
            state=state,
            stop=stop,
            say=terminal.say,
            ready=lambda servers: terminal.say(
                _welcome(options, servers=servers, took_s=time.monotonic() - started)
            ),
        )
        asyncio.run(cloud)
    terminal.say("Stopped.")


def _welcome(options: Options, *, servers: "Servers", took_s: float) -> str:
    from infra_cdk.local.console.console import MAILBOX
    from infra_cdk.local.seeding import DEMO_OPERATOR, DEMO_PASSWORD, DEMO_USERNAME

    url = f"http://127.0.0.1:{options.port}"
    lines = {
        "API": url,
        "Docs": f"{url}/docs and {url}/redoc",
        "Portal": f"{url}/portal",
        "Mailbox": f"{url}{MAILBOX}",
        "Demo user": f"{DEMO_USERNAME}, password {DEMO_PASSWORD}",
        "Operator": f"{DEMO_OPERATOR}, password {DEMO_PASSWORD}",
        "Database": servers.dsn or "the one of DATABASE_URL",
        "Logs": f"{_shown(options)}/logs/",
        "Stop": "Ctrl-C; `make dev-reset` then forgets all data",
    }
    body = "\n".join(f"  {name:<11}{text}" for name, text in lines.items())
    return f"\nReady in {took_s:.1f} s.\n\n{body}\n"


def _shown(options: Options) -> str:
    if options.place.is_relative_to(ROOT):
        return str(options.place.relative_to(ROOT))
    return str(options.place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
