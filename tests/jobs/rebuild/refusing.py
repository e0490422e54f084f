"""A way to ClickHouse on which some queries are refused, as it refuses what it cannot evaluate."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support import plain


class RefusingClickHouse(ThreadingHTTPServer):
    """Passes on every query, but for those with `refused` in them. `url`: its address."""

    daemon_threads = True

    def __init__(self, clickhouse: str, refused: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.clickhouse = clickhouse
        self.refused = refused.encode()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RefusingClickHouse

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.server.refused in body:
            self._answer(500, {"x-clickhouse-exception-code": "70"}, b"Code: 70. DB::Exception: Unexpected inf")
        else:
            self._pass_on(body)

    def _pass_on(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        address = f"{self.server.clickhouse.rstrip('/')}{self.path}"
        answer = plain.request(self.command, address, content=body, headers=headers, timeout=60)
        kept = {name: value for name, value in answer.headers.items() if name.startswith("x-clickhouse")}
        self._answer(answer.status_code, kept, answer.content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def refusing_clickhouse(clickhouse: str, refused: str) -> Iterator[RefusingClickHouse]:
    """Serve within the block."""
    with RefusingClickHouse(clickhouse, refused) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
