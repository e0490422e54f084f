"""A TCP proxy that can hold back answers, drop connections, or do nothing at all; for faults between two processes."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK = 65_536


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
        """Pass requests on, but keep back what is answered."""
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
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError), source, target:
            while chunk := source.recv(_CHUNK):
                if is_answer and not self._open.is_set():
                    self.held += 1
                    self._open.wait()
                target.sendall(chunk)
