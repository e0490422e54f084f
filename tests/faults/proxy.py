"""A TCP proxy before ClickHouse that can hold back what is answered to inserts."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_OF_INSERTS = b"insert_deduplication_token="  # in the first line of a request


class Proxy:
    """Listens on a free port of its own and passes on to `port`. `hold` and `release` may be called at any time."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        self._closing = False
        self.held = 0  # answers that were kept waiting so far
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._open.set()
        self._listener.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def hold(self) -> None:
        """Pass requests on, but keep back what is answered to inserts: who asks for tables hears that all is well."""
        self._open.clear()

    def release(self) -> None:
        """Let everything through again, what was kept back first."""
        self._open.set()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target), timeout=60)
            except OSError:
                continue
            inserting = threading.Event()  # whether the last request of this connection was an insert
            threading.Thread(target=self._ask, args=(client, server, inserting), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client, inserting), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, inserting: threading.Event) -> None:
        with suppress(OSError), client, server:
            while chunk := client.recv(_CHUNK):
                if chunk.startswith(b"POST "):
                    (inserting.set if _OF_INSERTS in chunk.partition(b"\r\n")[0] else inserting.clear)()
                server.sendall(chunk)

    def _answer(self, server: socket.socket, client: socket.socket, inserting: threading.Event) -> None:
        with suppress(OSError), server, client:
            while chunk := server.recv(_CHUNK):
                if inserting.is_set() and not self._open.is_set():
                    self.held += 1
                    self._open.wait()
                client.sendall(chunk)
