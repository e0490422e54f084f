"""A server of TLS before another server, as a proxy before ClickHouse has it; and who signed its certificate."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

_CHUNK = 65_536


class Authority:
    """One that signs certificates; `file` holds its own."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def context(self, *names: str, **options: object) -> ssl.SSLContext:
        """What a server with a certificate for these names is made with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names, **options).configure_cert(context)  # type: ignore[arg-type]
        return context


@contextmanager
def tls_proxy(target: int, context: ssl.SSLContext) -> Iterator[int]:
    """The port of loopback at which TLS is spoken, and passed on in the clear to the port `target`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            context.wrap_socket(client, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", target)) as server,
        ):
            threading.Thread(target=pass_on, args=(server, secured), daemon=True).start()
            pass_on(secured, server)

    threading.Thread(target=accept, name="tls-proxy", daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass on bytes until one of the two is closed."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
