"""The other side of webhooks in a campaign: what it took, kept beyond the death of who sent it."""

import json
import random
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Taken:
    """A message that was answered with 200: by which endpoint, and what it was."""

    endpoint: str
    id: str
    aggregate: str
    number: int


class Receiver:
    """A server that takes messages, or some of them only."""

    def __init__(self, chance: random.Random) -> None:
        self.taken: list[Taken] = []
        self.refusals = 0.0
        """The part of messages that it refuses for the moment."""
        self._chance = chance
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, message: Taken) -> int:
        """Take a message, or not; return the status."""
        with self._lock:
            if self._chance.random() < self.refusals:
                return 500
            self.taken.append(message)
            return 200

    def stop(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    receiver: Receiver

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            # Who sent it was killed: that is what this is about.
            self.close_connection = True

    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        message = Taken(
            endpoint=self.path.removeprefix("/"),
            id=self.headers["webhook-id"],
            aggregate=data["aggregate"],
            number=data["number"],
        )
        self.send_response(self.receiver.take(message))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's signature
        """Keep quiet: thousands of calls say nothing."""
