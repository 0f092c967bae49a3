"""`python -m tests.dialect_suite [pytest's arguments]`: the suite on a PostgreSQL of its own.

Runs it by the synchronous dialect, then by the asynchronous one.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from infra_cdk.local.data_api.server import DataAPIServer
from infra_cdk.local.data_api.service import DataAPI
from infra_cdk.local.postgres import start_postgres
from infra_cdk.local.processes import free_port
from tests.dialect_suite.requirements import DATA_API_LACKS, POSTGRESQL_LACKS

HERE = Path(__file__).resolve().parent
RESOURCE_ARN = "arn:aws:rds:eu-west-1:000000000000:cluster:suite"
REASONS = "tests/dialect_suite/requirements.py"
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:suite"

_TEMPLATE = (
    "CREATE SCHEMA test_schema",
    "CREATE SCHEMA test_schema_2",
    "CREATE EXTENSION IF NOT EXISTS citext",
    "CREATE EXTENSION IF NOT EXISTS hstore",
)


@contextmanager
def endpoint() -> Iterator[DataAPIServer]:
    """A PostgreSQL whose new databases have what the suite expects, and the Data API over it."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        postgres = start_postgres(place / "data", port=free_port(), log=place / "log")
        try:
            postgres.wait()
            with psycopg.connect(postgres.dsn("template1"), autocommit=True) as connection:
                for statement in _TEMPLATE:
                    connection.execute(statement.encode())
            postgres.create_database("suite")
            server = DataAPIServer(DataAPI(postgres.dsn("suite"))).start()
            try:
                yield server
            finally:
                server.stop()
        finally:
            postgres.stop()


def run(url: str, *, port: int, arguments: Sequence[str]) -> int:
    """Run the suite against one URL; return pytest's exit status."""
    environment = {
        **os.environ,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL_RDS_DATA": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "pytest", str(HERE), "-c", str(HERE / "pytest.ini"), "-q"]
    options = ["-n", "2", "--postgresql-templatedb", "template1", "--dburi", url, *arguments]
    return subprocess.run([*command, *options], env=environment, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Run the suite by both dialects; return the first exit status that is not 0."""
    query = f"resource_arn={RESOURCE_ARN}&secret_arn={SECRET_ARN}"
    urls = [f"postgresql+{driver}:///suite?{query}" for driver in ("dataapi", "dataapi_async")]
    with endpoint() as server:
        statuses = [run(url, port=server.port, arguments=arguments) for url in urls]
    sys.stdout.write(
        f"Requirements closed: {len(DATA_API_LACKS)} because of the Data API, {len(POSTGRESQL_LACKS)}"
        f" because of PostgreSQL; the reasons are in {REASONS}\n"
    )
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
