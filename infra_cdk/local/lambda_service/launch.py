"""How a worker is started: its command, its environment, and its process."""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra_cdk.local.environment import REGION
from infra_cdk.local.processes import dying_with_parent
from infra_cdk.registry import Registered

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """All that a worker of one function is started from.

    `root` is the folder that the function is imported from, its LAMBDA_TASK_ROOT. `bytecode` keeps
    compiled modules, so that only the first start ever pays for compiling them.
    """

    function: Registered
    root: Path
    bytecode: Path
    variables: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The function's ARN, of an account that does not exist."""
        region = self.variables.get("AWS_REGION", REGION)
        return f"arn:aws:lambda:{region}:000000000000:function:{self.function.spec.name}"

    def environment(self, *, runtime_api: str, stream: str) -> dict[str, str]:
        """Return the whole environment: the function's variables, then what Lambda itself sets.

        Nothing is inherited. HOME is not the user's: a function must not find `~/.aws` there.
        Source: AWS, "Defined runtime environment variables".
        """
        spec = self.function.spec
        return {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **self.variables,
            "_HANDLER": self.function.handler,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "LAMBDA_TASK_ROOT": str(self.root),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": tempfile.gettempdir(),
        }

    async def start(self, *, port: int, stream: str) -> asyncio.subprocess.Process:
        """Start a process that asks the Runtime API at `port` for its calls. Raises OSError.

        It is the leader of a session of its own, and dies with the thread that calls this.
        """
        # -P: this package's own folder is not to be found in the function's sys.path.
        options = ["-P", "-X", f"pycache_prefix={self.bytecode}"]
        command = dying_with_parent([sys.executable, *options, str(_BOOTSTRAP)])
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=self.root,
            env=self.environment(runtime_api=f"127.0.0.1:{port}", stream=stream),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
