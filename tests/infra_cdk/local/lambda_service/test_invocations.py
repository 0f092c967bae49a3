"""What a call of a function gives: its result, or Lambda's own errors."""

import asyncio
from pathlib import Path

import pytest

from infra_cdk.local.lambda_service.launch import Launch
from infra_cdk.local.lambda_service.service import LambdaService
from tests.infra_cdk.local.function_fixtures import Code, is_alive, running

pytestmark = pytest.mark.anyio

EVERYTHING = """
import os, subprocess, sys, time

def handler(event, context):
    match event:
        case "raise":
            raise ValueError("no such thing")
        case "exit":
            os._exit(3)
        case "hang":
            time.sleep(60)
        case "large":
            return "x" * (6 * 1024 * 1024)
        case "largest":
            return "x" * (6 * 1024 * 1024 - 2)
        case "print":
            print("to the log")
            print("to the other log", file=sys.stderr)
        case "child":
            return subprocess.Popen(["sleep", "60"]).pid
    return {"pid": os.getpid(), "environment": dict(os.environ), "cwd": os.getcwd(),
            "path": sys.path, "arn": context.invoked_function_arn, "id": context.aws_request_id,
            "name": context.function_name, "left_ms": context.get_remaining_time_in_millis()}
"""

LAMBDAS_OWN = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "HOME",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "TZ",
}


async def test_an_unknown_function_is_refused(code: Code, bytecode: Path) -> None:
    async with running(code, bytecode=bytecode) as run:
        with pytest.raises(KeyError):
            await run.call("nobody")


async def test_the_handler_gets_the_event_and_lambdas_context(code: Code, bytecode: Path) -> None:
    code.write("demo", EVERYTHING, timeout_s=20)
    async with running(code, bytecode=bytecode) as run:
        first, second = await run.call("demo"), await run.call("demo")
    assert first["arn"] == "arn:aws:lambda:eu-west-1:000000000000:function:demo"
    assert first["name"] == "demo"
    assert 10_000 < first["left_ms"] <= 20_000
    assert first["cwd"] == first["path"][0] == str(code.root)
    assert first["id"] != second["id"]


async def test_calls_in_turn_share_one_process(code: Code, bytecode: Path) -> None:
    code.write("demo", EVERYTHING)
    async with running(code, bytecode=bytecode) as run:
        assert len({(await run.call("demo"))["pid"] for _ in range(20)}) == 1


async def test_the_environment_is_what_was_given_and_lambdas_own(
    code: Code, bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_LAMBDA_LOG_FORMAT", "_LAMBDA_X", "SHELL_SECRET"):
        monkeypatch.setenv(name, "inherited")
    code.write("demo", EVERYTHING)
    given = {"DATABASE_URL": "postgresql://", "AWS_REGION": "eu-north-1"}
    async with running(code, bytecode=bytecode, environment=given) as run:
        environment = (await run.call("demo"))["environment"]
    # Python itself sets LC_CTYPE where the machine lacks the locale that LANG names.
    assert set(environment) - {"LC_CTYPE"} == LAMBDAS_OWN | set(given)
    assert given.items() <= environment.items()
    assert environment["_HANDLER"] == "demo.handler.handler"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert environment["TZ"] == ":UTC"


async def test_an_exception_is_the_outcome_of_its_call_only(code: Code, bytecode: Path) -> None:
    code.write("demo", EVERYTHING)
    async with running(code, bytecode=bytecode) as run:
        before = await run.call("demo")
        error = await run.error("demo", "raise")
        after = await run.call("demo")
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such thing")
    assert before["pid"] == after["pid"]


async def test_an_exit_in_a_call_fails_that_call_and_the_next_is_served(
    code: Code, bytecode: Path
) -> None:
    code.write("demo", EVERYTHING)
    async with running(code, bytecode=bytecode) as run:
        error = await run.error("demo", "exit")
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].endswith("Runtime exited with error: exit status 3")
        assert (await run.call("demo"))["pid"]


async def test_a_call_that_outlasts_the_time_out_is_ended_with_its_process(
    code: Code, bytecode: Path
) -> None:
    code.write("demo", EVERYTHING, timeout_s=1)
    async with running(code, bytecode=bytecode) as run:
        pid = (await run.call("demo"))["pid"]
        outcome = await run.outcome("demo", "hang")
        assert (outcome.error, outcome.timed_out) == (True, True)
        assert b"Task timed out after 1.00 seconds" in outcome.payload
        assert (await run.call("demo"))["pid"] != pid
    assert not is_alive(pid)


async def test_a_result_may_have_six_megabytes_and_no_more(code: Code, bytecode: Path) -> None:
    code.write("demo", EVERYTHING)
    async with running(code, bytecode=bytecode) as run:
        error = await run.error("demo", "large")
        assert error["errorType"] == "Function.ResponseSizeTooLarge"
        assert len(await run.call("demo", "largest")) == 6 * 1024 * 1024 - 2


async def test_what_a_function_prints_reaches_the_log_by_line(code: Code, bytecode: Path) -> None:
    code.write("demo", EVERYTHING)
    async with running(code, bytecode=bytecode) as run:
        await run.call("demo", "print")
        await run.error("demo", "raise")
    assert "demo | to the log" in run.lines
    assert "demo | to the other log" in run.lines
    # The runtime client separates the lines of a traceback by CR.
    assert "demo | [ERROR] ValueError: no such thing" in run.lines
    assert not any("\r" in line or "\n" in line for line in run.lines)


async def test_a_line_longer_than_any_buffer_reaches_the_log(code: Code, bytecode: Path) -> None:
    code.write("demo", "def handler(event, context):\n    print('x' * 1_000_000)\n")
    async with running(code, bytecode=bytecode) as run:
        await run.call("demo")
    assert sum(line.count("x") for line in run.lines) == 1_000_000


async def test_a_caller_that_leaves_stops_no_call(code: Code, bytecode: Path) -> None:
    code.write(
        "demo",
        "import time\ndef handler(event, context):\n    time.sleep(0.3)\n    print('done')\n",
    )
    async with running(code, bytecode=bytecode) as run:
        await run.call("demo")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await run.call("demo")
        await run.call("demo")
    assert run.lines.count("demo | done") == 3


async def test_a_process_that_cannot_be_started_is_a_clear_error(
    code: Code, bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: Launch, *, port: int, stream: str) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Launch, "start", refuse)
    code.write("demo", EVERYTHING)
    async with running(code, bytecode=bytecode) as run:
        assert "temporarily unavailable" in (await run.error("demo"))["errorMessage"]


async def test_a_stopped_service_fails_further_calls(code: Code, bytecode: Path) -> None:
    code.write("demo", EVERYTHING)
    service = LambdaService(code.functions, lambda _: {}, root=code.root, bytecode=bytecode)
    await service.start()
    await service.stop()
    assert (await service.invoke("demo", b"null")).error
