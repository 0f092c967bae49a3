"""The Data API's HTTP form: `POST /Execute` and its siblings, on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra_cdk.local.data_api.errors import DataAPIError
from infra_cdk.local.data_api.service import DataAPI


class DataAPIServer:
    """A running endpoint; `port` is the one that it listens on."""

    def __init__(self, service: DataAPI, *, port: int = 0) -> None:
        self.service = service
        handler = type("Handler", (_Handler,), {"service": service})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def start(self) -> "DataAPIServer":
        """Serve in a thread."""
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve in this thread."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Stop serving, free the port and close the connections."""
        self._server.shutdown()
        self._server.server_close()
        self.service.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Python's own 5 is full as soon as a few requests begin at once, and the next are reset.
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    service: DataAPI

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            self._answer(200, self.service.handle(self.path, body))
        except DataAPIError as error:
            self._answer(error.status, {"message": str(error)}, error=error.code)
        except Exception as error:  # noqa: BLE001  # answered as AWS does, and printed
            message = {"message": f"{type(error).__name__}: {error}"}
            self._answer(500, message, error="InternalServerErrorException")
            self.server.handle_error(self.request, self.client_address)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's signature
        """Keep quiet: one line per statement would drown the functions' own logs."""

    def _answer(self, status: int, answer: dict[str, Any], *, error: str | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
