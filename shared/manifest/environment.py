"""The environment variables that each function gets, the same names on AWS and on this machine."""

from collections.abc import Mapping

from shared.manifest.function import Function, Need

COMMON = (
    "ENVIRONMENT",
    "LOG_LEVEL",
    "POWERTOOLS_SERVICE_NAME",
)
"""Given to every function."""

BY_HTTP = ("CORS_ORIGINS", "PUBLIC_URL", "TRUSTED_HOSTS")
"""Given to every function behind the REST API."""

BY_DEAD_LETTERS = ("QUEUE_PREFIX",)
"""Given to the function that gets every queue's dead letters: it tells the queues apart by name."""

BY_NEED: Mapping[Need, tuple[str, ...]] = {
    Need.DATABASE: ("DATABASE_URL",),
    Need.CACHE: ("REDIS_URL",),
    Need.SIGNING_KEY: ("SIGNING_SECRET_ID",),
    Need.SIGNING_KEY_ROTATION: ("SIGNING_SECRET_ID",),
    Need.VAULT: ("VAULT_SECRET_ID",),
    Need.OPENID_PROVIDERS: ("OPENID_PROVIDERS",),
    Need.PASSKEYS: ("WEBAUTHN_RP_ID",),
    Need.GATEWAY_KEYS: ("GATEWAY_PREFIX",),
    Need.OUTBOX: ("OUTBOX_QUEUE_URL",),
    # A message that is too large to be sent names the address of the whole.
    Need.WEBHOOKS: ("PUBLIC_URL", "WEBHOOK_QUEUE_URL"),
    Need.EVENT_BUS: ("EVENT_BUS_NAME",),
    Need.FILES: ("FILES_BUCKET",),
    Need.MAIL: ("MAIL_FROM",),
    Need.QUEUES: ("QUEUE_PREFIX", "QUEUES"),
}
"""Given with a need."""


def variables_of(function: Function) -> frozenset[str]:
    """Name the environment variables that `function` gets, on AWS and locally alike."""
    names = set(COMMON)
    if function.http:
        names.update(BY_HTTP)
    if function.dead_letters:
        names.update(BY_DEAD_LETTERS)
    for need in function.needs:
        names.update(BY_NEED[need])
    return frozenset(names)
