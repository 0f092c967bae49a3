"""Requests to moto's server as AWS's own SDKs make them, without the time that boto3 takes to start.

moto reads which service a request is for from the scope of its signature, and checks no signature.
"""

import json
from typing import TYPE_CHECKING, Any

from infra_cdk.local.environment import REGION
from infra_cdk.local.gateway.keys import KeysUnknownError, Verdict

if TYPE_CHECKING:
    from aiohttp import ClientSession

SENT_PATH = "/_local/mail.json"
"""Where our application around moto shows the mails that were sent."""

ADMISSION_PATH = "/_local/admission"
"""Where it says whose an API key is, and counts the request."""

_ERRORS_FROM = 300


class RefusedError(Exception):
    """moto answered a request with an error; the message has the request's name and the answer."""


class AwsClient:
    """AWS on this machine; `url` is moto's address. Every call may raise aiohttp's ClientError too."""

    def __init__(self, client: "ClientSession", *, url: str) -> None:
        self._client = client
        self._url = url

    async def call(self, operation: str, *, service: str, **parameters: Any) -> dict[str, Any]:
        """Call a service of the JSON protocols: `AmazonSQS.SendMessage`. Raises RefusedError.

        Source: Smithy, "AWS JSON 1.0 protocol" and "AWS JSON 1.1 protocol".
        """
        headers = {"X-Amz-Target": operation, "Content-Type": "application/x-amz-json-1.1"}
        text = await self.send(
            "POST", "/", service=service, body=json.dumps(parameters), headers=headers
        )
        answer: dict[str, Any] = json.loads(text or "{}")
        return answer

    async def mails(self) -> list[dict[str, Any]]:
        """Return the mails that SES was asked to send, newest first. Raises RefusedError."""
        text = await self.send("GET", SENT_PATH, service="ses")
        sent: list[dict[str, Any]] = json.loads(text)["mails"]
        return sent

    async def admit(self, key: str) -> Verdict:
        """Ask whether a request with an API key may pass. Raises KeysUnknownError."""
        from aiohttp import ClientError

        try:
            answer = await self.send(
                "POST", ADMISSION_PATH, service="apigateway", body=json.dumps({"key": key})
            )
        except (RefusedError, ClientError, TimeoutError) as error:
            raise KeysUnknownError(type(error).__name__) from error
        return Verdict(**json.loads(answer))

    async def send(
        self,
        method: str,
        path: str,
        *,
        service: str,
        body: str = "",
        headers: dict[str, str] | None = None,
    ) -> str:
        """Send a request of a service that has addresses: S3, SES. Raises RefusedError."""
        scope = f"local/20250101/{REGION}/{service}/aws4_request"
        signed = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
        }
        async with self._client.request(
            method, f"{self._url}{path}", data=body.encode(), headers=signed | (headers or {})
        ) as response:
            text = await response.text()
            if response.status >= _ERRORS_FROM:
                name = (headers or {}).get("X-Amz-Target", f"{method} {path}")
                raise RefusedError(f"moto refused {name}: {text}")
        return text
