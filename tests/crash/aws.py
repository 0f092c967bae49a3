"""The bus and the queues of a campaign: what they took, kept beyond the death of who sent it."""

import hashlib
import json
import random
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

SECRET = "s" * 64


class Aws:
    """EventBridge, SQS and Secrets Manager over HTTP, as far as the functions call them."""

    def __init__(self, chance: random.Random) -> None:
        self.events: list[dict[str, Any]] = []
        """The details of all entries that the bus took, in order."""
        self.refusals = 0.0
        """The part of entries that the bus refuses for the moment."""
        self._chance = chance
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"aws": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one call. Raises KeyError for an operation that no function should use."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "PutEvents": self._put_events,
            "SendMessage": _sent,
            "GetQueueUrl": lambda named: {"QueueUrl": f"{self.url}/queue/{named['QueueName']}"},
            "ChangeMessageVisibility": lambda _: {},
            "GetSecretValue": lambda _: {"SecretString": SECRET},
        }
        with self._lock:
            return operations[operation](request)

    def stop(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()

    def _put_events(self, request: dict[str, Any]) -> dict[str, Any]:
        answers = [self._take(entry) for entry in request["Entries"]]
        failed = sum("ErrorCode" in each for each in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _take(self, entry: dict[str, Any]) -> dict[str, str]:
        if self._chance.random() < self.refusals:
            return {"ErrorCode": "InternalFailure", "ErrorMessage": "Not now."}
        self.events.append(json.loads(entry["Detail"]))
        return {"EventId": str(uuid4())}


def _sent(request: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.md5(request["MessageBody"].encode(), usedforsecurity=False)
    return {"MessageId": str(uuid4()), "MD5OfMessageBody": digest.hexdigest()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    aws: Aws

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        body = json.dumps(self.aws.answer(operation, request)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's signature
        """Keep quiet: thousands of calls say nothing."""
