"""A receiver in FastAPI: `WEBHOOK_KEYS="whsec_... whpk_..." uvicorn --factory receiver_fastapi:create_app`."""

import logging
import os

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from webhook_verification import Inbox, UnverifiedError, Webhook, WebhookVerifier

MOST_BYTES = 256 * 1024

log = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """Return the app; the keys that it trusts, with spaces between, are in WEBHOOK_KEYS."""
    verifier = WebhookVerifier(os.environ["WEBHOOK_KEYS"].split())
    inbox = Inbox(os.environ.get("WEBHOOK_INBOX", "webhooks.sqlite3"))
    app = FastAPI()

    @app.post("/webhooks", status_code=204)
    async def receive(request: Request) -> None:
        body = await _body_of(request)
        try:
            webhook = verifier.verify(request.headers, body)
        except UnverifiedError as error:
            raise HTTPException(400, str(error)) from error
        # An exception in here is a 500: the webhook is sent again later.
        await run_in_threadpool(handle_once, webhook, inbox=inbox)

    return app


def handle_once(webhook: Webhook, *, inbox: Inbox) -> None:
    """Handle a webhook, unless it was handled before. Both are 204: whoever sent it need not try again."""
    with inbox.once(webhook) as is_first:
        if is_first:
            handle(webhook)


def handle(webhook: Webhook) -> None:
    """Do what the event asks for: quickly, for the sender waits 15 seconds. Longer work goes into a queue."""
    log.info("%s: %s", webhook.id, webhook.payload["type"])


async def _body_of(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413)
    return bytes(body)
