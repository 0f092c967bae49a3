"""The environment variables of each function on this machine: the same names as on AWS.

Source of the names: `shared.manifest.environment`.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from infra_cdk.registry import queue_names
from shared.manifest.environment import variables_of
from shared.manifest.function import OUTBOX_QUEUE, WEBHOOK_QUEUE, Function

REGION = "eu-west-1"
DATABASE = "switchyard"
"""The name of the database."""

ACCOUNT = "123456789012"
"""The account that moto answers for."""

API_ID = "local"
"""The id of the REST API."""

STAGE = "local"
"""Its one stage."""

QUEUE_PREFIX = "switchyard-local-"
EVENT_BUS = "switchyard-local"
FILES_BUCKET = "switchyard-local-files"
MAIL_FROM = "switchyard@example.com"

SIGNING_SECRET = "switchyard/local/signing-key"  # noqa: S105  # the secret's name, not the secret

VAULT_SECRET = "switchyard/local/vault"  # noqa: S105  # likewise

_HOSTS = ("127.0.0.1", "localhost")

DATA_API_URL = f"postgresql+dataapi:///{DATABASE}?" + urlencode(
    {
        "resource_arn": f"arn:aws:rds:{REGION}:000000000000:cluster:local",
        "secret_arn": f"arn:aws:secretsmanager:{REGION}:000000000000:secret:local",
    },
    safe=":",
)
"""DATABASE_URL by the local Data API."""


HERE_ONLY = {"WEBHOOK_ALLOW_LOOPBACK": "true"}
"""What every function is told on this machine, and none on AWS: there, a webhook to loopback is an attack."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the functions are told: addresses of this run, `port` being the API's."""

    port: int
    database_url: str
    redis_url: str
    aws_url: str
    data_api_url: str
    log_level: str = "INFO"
    openid_providers: str = "[]"


def environment_of(function: Function, *, settings: Settings) -> dict[str, str]:
    """Return the variables of one function, and where it finds AWS on this machine.

    Raises KeyError where the manifest names a variable that this machine knows nothing of.
    """
    values = _values(settings) | {"POWERTOOLS_SERVICE_NAME": function.name}
    named = {name: values[name] for name in variables_of(function)}
    return named | HERE_ONLY | _aws(settings)


def origins_of(port: int) -> list[str]:
    """Return the origins of pages that the API itself serves, by both names of this machine."""
    return [f"http://{host}:{port}" for host in _HOSTS]


def queue_url(name: str, *, settings: Settings) -> str:
    """Return the address of a queue in moto, by the name that its spec gives it."""
    return f"{settings.aws_url}/{ACCOUNT}/{QUEUE_PREFIX}{name}"


def _values(settings: Settings) -> dict[str, str]:
    return {
        "ENVIRONMENT": "local",
        "LOG_LEVEL": settings.log_level,
        "PUBLIC_URL": origins_of(settings.port)[0],
        "CORS_ORIGINS": ",".join(origins_of(settings.port)),
        "TRUSTED_HOSTS": ",".join(_HOSTS),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SIGNING_SECRET_ID": SIGNING_SECRET,
        "VAULT_SECRET_ID": VAULT_SECRET,
        "WEBAUTHN_RP_ID": "localhost",  # an address is no domain: browsers refuse 127.0.0.1
        "GATEWAY_PREFIX": QUEUE_PREFIX,
        "OPENID_PROVIDERS": settings.openid_providers,
        "OUTBOX_QUEUE_URL": queue_url(OUTBOX_QUEUE, settings=settings),
        "WEBHOOK_QUEUE_URL": queue_url(WEBHOOK_QUEUE, settings=settings),
        "EVENT_BUS_NAME": EVENT_BUS,
        "FILES_BUCKET": FILES_BUCKET,
        "MAIL_FROM": MAIL_FROM,
        "QUEUE_PREFIX": QUEUE_PREFIX,
        "QUEUES": ",".join(queue_names()),
    }


def _aws(settings: Settings) -> dict[str, str]:
    # On AWS the runtime brings these; the keys are no secret, for nothing here checks them.
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": settings.aws_url,
        "AWS_ENDPOINT_URL_RDS_DATA": settings.data_api_url,
    }
