"""A server as our processes run it, on a free port and a thread of its own; and clients that misbehave."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.http.connections import Limits
from runtime.http.serving import configure, listen

DEADLINE_S = 20.0
LARGE_BYTES = 32 * 1024 * 1024  # more than the kernel's buffers take
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

Parser = Literal["httptools", "h11"]


class App:
    """GET / says ok; /wait after `go`; /large sends much; /body counts what it reads; /early does not read it."""

    def __init__(self) -> None:
        self._gone: Future[None] = Future()
        self.waiting = threading.Semaphore(0)  # released once for each request that waits
        self.headers: list[tuple[bytes, bytes]] = []

    def go(self) -> None:
        """Let those that wait have their answers."""
        self._gone.set_result(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b"ok"
        if scope["path"] == "/wait":
            self.waiting.release()
            await asyncio.shield(asyncio.wrap_future(self._gone))
        elif scope["path"] == "/large":
            await _start(send, LARGE_BYTES)
            for _ in range(LARGE_BYTES // 65536):
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        elif scope["path"] == "/body":
            size, more = 0, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                size += len(message["body"])
                more = message["more_body"]
            body = b"%d" % size
        self.headers = list(scope["headers"])
        await _start(send, len(body))
        await send({"type": "http.response.body", "body": body})


async def _start(send: Send, size: int) -> None:
    headers = [(b"content-length", b"%d" % size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


class Server:
    """Serves until it is closed. Ask with `connect`; the client's address is 127.0.0.1 unless another is given."""

    def __init__(self, app: ASGIApp, limits: Limits, parser: Parser) -> None:
        listener = listen("127.0.0.1", 0)
        self.port = int(listener.getsockname()[1])
        self._server = uvicorn.Server(configure(app, limits, parser=parser))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        self._clients = ExitStack()

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), DEADLINE_S, (address, 0))
        return self._clients.enter_context(client)

    def ask(self, address: str = "127.0.0.1", request: bytes = GET) -> bytes:
        """The answer to one request on a connection of its own."""
        with self.connect(address) as client:
            client.sendall(request)
            return answer(client)

    def stop(self) -> None:
        self._server.should_exit = True

    def close(self) -> None:
        self.stop()
        self._clients.close()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()


@contextmanager
def serving(limits: Limits, parser: Parser = "httptools", app: ASGIApp | None = None) -> Iterator[Server]:
    """A server that is closed at the end."""
    server = Server(App() if app is None else app, limits, parser)
    try:
        yield server
    finally:
        server.close()


def answer(client: socket.socket) -> bytes:
    """One answer, head and body, as far as it comes before the connection ends; its body's length is announced."""
    received = b""
    while not _is_whole(received):
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        received += piece
    return received


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(body) >= int(lengths[0].split(b":")[1])


def ended(client: socket.socket) -> bool:
    """Read to the end of the connection. Fails if it does not end in time."""
    deadline = time.monotonic() + DEADLINE_S
    try:
        while client.recv(65536):
            assert time.monotonic() < deadline
    except ConnectionError:
        pass
    return True


def is_open(client: socket.socket) -> bool:
    """Whether neither data nor an end have come."""
    client.setblocking(False)
    try:
        client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        client.settimeout(DEADLINE_S)
    return False
