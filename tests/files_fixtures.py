"""A bucket of files as S3 keeps it, by moto's server in this process."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

REGION = "eu-west-1"
_NUMBERS = count(1)


@dataclass(frozen=True)
class FileStore:
    """A bucket of the test's own, which `shared.adapters.files` is pointed at."""

    bucket: str
    endpoint: str
    client: Any

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def keys(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket)
        return [each["Key"] for each in listed.get("Contents", ())]

    def unfinished(self) -> list[str]:
        """The keys of uploads that are neither finished nor abandoned."""
        listed = self.client.list_multipart_uploads(Bucket=self.bucket)
        return [each["Key"] for each in listed.get("Uploads", ())]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Where moto's S3 answers."""
    from moto.server import ThreadedMotoServer

    # A line for each request would stand among what the functions log.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def file_store(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileStore]:
    """Point the application at an empty bucket."""
    from shared.adapters.aws import aws_client
    from shared.config.messaging import files_settings

    bucket = f"files-{next(_NUMBERS)}"
    for name, value in _environment(bucket, endpoint=s3_endpoint).items():
        monkeypatch.setenv(name, value)
    files_settings.cache_clear()
    aws_client.cache_clear()
    client = aws_client("s3")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield FileStore(bucket=bucket, endpoint=s3_endpoint, client=client)
    client.close()
    files_settings.cache_clear()
    aws_client.cache_clear()


def _environment(bucket: str, *, endpoint: str) -> dict[str, str]:
    return {
        "FILES_BUCKET": bucket,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
