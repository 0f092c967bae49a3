"""`python -m infra_cdk.local.aws PORT [STATE]`: AWS on this machine, until it is ended.

What must be there after a restart is kept in the directory `STATE`.
"""

import os
import signal
import sys
from pathlib import Path

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

from infra_cdk.local.aws.application import Application
from infra_cdk.local.ports import HOST

if __name__ == "__main__":
    # At once: there is nothing to keep, and to unload all that moto is takes longer than all else.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    run_simple(
        HOST,
        int(sys.argv[1]),
        Application(
            DomainDispatcherApplication(create_backend_app),
            place=Path(sys.argv[2]) if len(sys.argv) > 2 else None,  # noqa: PLR2004  # its number
        ),
        threaded=True,
        request_handler=MotoRequestHandler,
    )
