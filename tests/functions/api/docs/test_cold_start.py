import subprocess
import sys

FORBIDDEN = ("fastapi", "sqlalchemy", "psycopg", "boto3", "redis", "joserfc", "argon2", "jinja2")


def test_importing_the_handler_loads_no_heavy_library() -> None:
    """A docs page needs no more than Starlette: FastAPI alone would double the cold start."""
    program = (
        "import sys, functions.api.docs.handler\n"
        f"print(*(name for name in {FORBIDDEN!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
