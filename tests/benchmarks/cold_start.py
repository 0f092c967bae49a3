"""What a fresh process spends and loads until a handler has answered its first event."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra_cdk.local.environment import DATA_API_URL, Settings, environment_of
from infra_cdk.registry import ROOT, Registered, registry

HELLO = "tests.benchmarks.hello"
"""The module of the baseline."""

FIRST_EVENTS = {
    "docs": "http/docs/openapi",
    "federation": "http/federation/list_providers",
    "infrastructure": "http/infrastructure/health",
    "mfa": "http/mfa/list_factors_without_token",
    "oauth": "http/oauth/unknown",
    "partner": "http/partner/list_items_with_wrong_key",
    "partner-admin": "http/partner-admin/list_partners_without_token",
    "oauth-clients": "http/oauth-clients/list_clients_without_token",
    "webapp": "http/webapp/list_items_without_token",
    "webhooks": "http/webhooks/list_webhooks_without_token",
}
"""A first event of each function behind the API that needs no other server."""

# Processor time, not the clock's: the machine may be busy with other things.
_CHILD = """
import importlib, json, sys, time
started = time.process_time()
handler = importlib.import_module(sys.argv[1]).handler
event = json.loads(sys.argv[2])
answer = handler(event, None) if event else {"statusCode": None}
spent = time.process_time() - started
told = {"cpu_s": spent, "status": answer["statusCode"], "modules": sorted(sys.modules)}
warm = []
for _ in range(int(sys.argv[3])):
    began = time.perf_counter()
    handler(event, None)
    warm.append(time.perf_counter() - began)
print(json.dumps(told | {"warm_s": sorted(warm)[len(warm) // 2] if warm else 0.0}))
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start: processor time in seconds, the first answer's status, what was loaded.

    `warm_s` is the median of the answers after it, in seconds by the clock; 0 where none was asked.
    """

    cpu_s: float
    status: int | None
    modules: frozenset[str]
    warm_s: float


@cache
def functions() -> Mapping[str, Registered]:
    """The registry by name."""
    return {each.spec.name: each for each in registry()}


def event_named(name: str) -> dict[str, Any]:
    """Return an event of `events/`, by its path there without `.json`."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def start_function(
    name: str,
    *,
    bytecode: Path,
    event: str | None = None,
    settings: Settings | None = None,
    repeats: int = 0,
) -> Start:
    """Start a function in a fresh process with the `.pyc` files of `bytecode`, as its bundle has.

    `event` replaces its first event; `repeats` is how often it is answered again.
    """
    each = functions()[name]
    first = event or FIRST_EVENTS.get(name)
    return start(
        each.handler.removesuffix(".handler"),
        bytecode=bytecode,
        event=event_named(first) if first else {},
        # As deployed, where the gateway is what admits hosts.
        environment=environment_of(each.spec, settings=settings or nowhere())
        | {"TRUSTED_HOSTS": "*"},
        repeats=repeats,
    )


def start_hello(*, bytecode: Path, repeats: int = 0) -> Start:
    """Start the baseline, with the webapp function's first event."""
    event = event_named(FIRST_EVENTS["webapp"])
    return start(HELLO, bytecode=bytecode, event=event, repeats=repeats)


def start(
    module: str,
    *,
    bytecode: Path,
    event: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    repeats: int = 0,
) -> Start:
    """Start any handler. Raises CalledProcessError where it fails."""
    run = subprocess.run(
        [sys.executable, "-c", _CHILD, module, json.dumps(event), str(repeats)],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPYCACHEPREFIX": str(bytecode), **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(run.stdout.splitlines()[-1])
    return Start(**{**told, "modules": frozenset(told["modules"])})


def ratio_to_hello(name: str, *, bytecode: Path, runs: int) -> float:
    """Return the least processor time of a function's starts over the least of the baseline's.

    The runs alternate, so that a busy moment of the machine meets both.
    """
    start_function(name, bytecode=bytecode)
    start_hello(bytecode=bytecode)
    pairs = [
        (start_function(name, bytecode=bytecode).cpu_s, start_hello(bytecode=bytecode).cpu_s)
        for _ in range(runs)
    ]
    return min(own for own, _ in pairs) / min(hello for _, hello in pairs)


def nowhere() -> Settings:
    """Addresses that nothing listens on: a first answer here needs no server."""
    closed = "127.0.0.1:1"
    return Settings(
        port=1,
        database_url=DATA_API_URL,
        redis_url=f"redis://{closed}",
        aws_url=f"http://{closed}",
        data_api_url=f"http://{closed}",
    )
