"""A Maven repository on this machine, for tests of fetching: it serves a folder and can be told to misbehave."""

import http.server
import threading
from collections import Counter
from collections.abc import Iterator

import pytest


class Repository:
    """Serves `files` by path. `faults` are used up one a request: a status to answer, or "cut" to send half."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: list[int | str] = []
        self.requests: Counter[str] = Counter()
        self.ranges: list[str | None] = []
        self.open = threading.Event()  # requests wait for it
        self.open.set()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/maven"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.removeprefix("/maven/")
                repository.requests[path] += 1
                repository.ranges.append(self.headers.get("Range"))
                repository.open.wait()
                fault = repository.faults.pop(0) if repository.faults else None
                body = repository.files.get(path)
                if isinstance(fault, int) or body is None:
                    self.send_error(fault if isinstance(fault, int) else 404)
                    return
                start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                rest = body[start:]
                self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        return Handler


@pytest.fixture
def repository() -> Iterator[Repository]:
    """An empty repository."""
    serving = Repository()
    yield serving
    serving.close()
