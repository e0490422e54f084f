"""Numbers of the sink for Prometheus, and the small server that shows them and tells whether the sink is ready."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

_SIZES = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

ROWS = Counter("onefold_sink_rows", "Rows accepted by ClickHouse.", ["table"])
DEAD = Counter(
    "onefold_sink_dead_letters", "Records that could not be decoded and became a dead letter.", ["topic", "reason"]
)
DROPPED = Counter("onefold_sink_dropped", "Records of events.dead that could not be decoded either.", ["reason"])
RETRIES = Counter("onefold_sink_retries", "Attempts that failed and were repeated.", ["step"])
BATCH_ROWS = Histogram("onefold_sink_batch_rows", "Rows of one insert.", ["table"], buckets=_SIZES)
INSERT_S = Histogram("onefold_sink_insert_seconds", "Duration of one insert.", ["table"], buckets=_SECONDS)
LATENCY_S = Histogram("onefold_sink_event_latency_seconds", "From accepting an event to its row.", buckets=_SECONDS)
IN_FLIGHT = Gauge("onefold_sink_batches_in_flight", "1 while a batch is being written.")
LAG = Gauge("onefold_sink_lag_records", "Records not yet in ClickHouse.", ["topic"])


class Server:
    """Serves GET /metrics, /health/live and /health/ready until closed. Raises OSError if the port is taken."""

    def __init__(self, host: str, port: int, is_ready: Callable[[], bool]) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(is_ready))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(is_ready: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif path == "/health/live":
                self._answer(200, b'{"status":"live"}')
            elif path == "/health/ready":
                ready = is_ready()
                self._answer(200 if ready else 503, b'{"status":"ready"}' if ready else b'{"status":"starting"}')
            else:
                self._answer(404, b'{"error":"not_found"}')

        def _answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests of a scraper are no news."""

    return Handler
