"""Secrets that the application gives another text: kept, as Secrets Manager keeps them, where moto forgets."""

import json
from pathlib import Path

from infra_cdk.local.environment import SIGNING_SECRET
from infra_cdk.local.state import SIGNING_KEY, write_secret

PUT_SECRET = "secretsmanager.PutSecretValue"  # noqa: S105  # an operation's name

_FILES = {SIGNING_SECRET: SIGNING_KEY}
"""Where the runner looks for them at its next start."""


def keep_secret(request: bytes, *, place: Path) -> None:
    """Keep what a PutSecretValue request wrote, if it is one that the runner puts back."""
    asked = json.loads(request)
    if name := _FILES.get(asked["SecretId"]):
        write_secret(place / name, asked["SecretString"])
