"""The HTTP port of a process that has no other: metrics, liveness, readiness.

Served by a thread of its own, so it answers while the process computes. Which numbers there are is their owners'
matter.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_JSON = "application/json"


class Endpoint:
    """Serves GET /metrics, /health/live and /health/ready until it is closed; a context manager.

    `not_ready` is asked for each answer: why the process is not ready, or None when it is. Port 0 takes a free one;
    `port` says which. Raises OSError when the port is taken.
    """

    def __init__(self, host: str, port: int, not_ready: Callable[[], str | None]) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(not_ready))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()


def _handler(not_ready: Callable[[], str | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif path == "/health/live":
                self._tell(200, {"status": "live"})
            elif path == "/health/ready":
                reason = not_ready()
                if reason is None:
                    self._tell(200, {"status": "ready"})
                else:
                    self._tell(503, {"status": "not ready", "reason": reason})
            else:
                self._tell(404, {"error": "try /metrics, /health/live or /health/ready"})

        def _tell(self, status: int, body: dict[str, str]) -> None:
            self._answer(status, _JSON, json.dumps(body).encode())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Neither scrapes nor health checks are worth a log line."""

    return Handler
