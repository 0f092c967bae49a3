"""What a new cloud must hold before it is of use: the signing key, and somebody to log in as."""

from typing import TYPE_CHECKING

from infra_cdk.local.environment import REGION, SIGNING_SECRET
from infra_cdk.local.processes import StartError

if TYPE_CHECKING:
    from aiohttp import ClientSession

DEMO_USERNAME = "demo"
DEMO_PASSWORD = "correct-switch-yard-42"  # noqa: S105  # printed at every start: it guards nothing

_CREATED = 201
_EXISTS = 409
_OK = 200


async def put_signing_key(key: str, *, client: "ClientSession", aws_url: str) -> None:
    """Put the signing key into Secrets Manager. Raises StartError where it is refused.

    boto3 would add most of a second to each start for this one request.
    Source: AWS, "CreateSecret"; moto reads the signature's scope and checks no signature.
    """
    scope = f"local/20250101/{REGION}/secretsmanager/aws4_request"
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "secretsmanager.CreateSecret",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
    }
    secret = {"Name": SIGNING_SECRET, "SecretString": key, "ClientRequestToken": "0" * 32}
    async with client.post(aws_url, json=secret, headers=headers) as response:
        if response.status != _OK:
            raise StartError(f"moto refused the signing key: {await response.text()}")


async def add_demo_user(*, client: "ClientSession", url: str) -> str | None:
    """Register the demo user through the API at `url`, as anybody would; twice does no harm.

    Returns the API's answer where it is a refusal.
    """
    user = {"username": DEMO_USERNAME, "email": "demo@example.com", "password": DEMO_PASSWORD}
    async with client.post(f"{url}/v1/webapp/users", json=user) as response:
        if response.status in {_CREATED, _EXISTS}:
            return None
        return f"{response.status} {await response.text()}"
