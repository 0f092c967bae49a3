"""boto3's clients, made on first use, each call bounded in time."""

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0


@cache
def aws_client(service: str) -> Any:
    """Return the process's client of an AWS service: `sqs`, `events`, `s3`, `sesv2`, `cloudwatch`."""
    import boto3
    from botocore.config import Config

    # Retries beyond one are the queues' and the outbox's business: they outlive this process.
    make: Any = boto3.client  # its overloads know a service by a literal only
    return make(
        service,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 2, "mode": "standard"},
            signature_version="s3v4" if service == "s3" else None,
            # Only this style signs links for the region's own host, which redirects nobody.
            s3={"addressing_style": "virtual"} if service == "s3" else None,
            max_pool_connections=32,
        ),
    )


async def call[T](send: Callable[..., T], **arguments: Any) -> T:
    """Make a client's blocking call in a thread. Raises what it raises."""
    return await asyncio.to_thread(send, **arguments)
