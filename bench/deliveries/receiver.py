"""`python -m bench.deliveries.receiver PORT FILE`: takes webhooks as fast as they come, and notes when each came.

A line of FILE for each delivery: the texts `cause` and `profile_id` of its body, and the time since 1970 in ns. `/hang`
never answers, `/down` answers 503 while there is a file FILE.down.
"""

import asyncio
import re
import sys
import time
from pathlib import Path

_CAUSE = re.compile(rb'"cause":"([^"]*)"')
_PROFILE = re.compile(rb'"profile_id":"([^"]*)"')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def down_file(file: Path) -> Path:
    """Return the file that says that `/down` is."""
    return file.with_name(f"{file.name}.down")


class _Receiver(asyncio.Protocol):
    """Speaks as much HTTP as the bench needs."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("ab", buffering=1 << 16)
        self._down = down_file(file)
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a TCP connection"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            self._take(head, self._buffer[end + 4 : whole])
            self._buffer = self._buffer[whole:]

    def _take(self, head: bytes, body: bytes) -> None:
        line = head.partition(b"\r\n")[0]
        if b" /hang " in line:
            return
        if b" /down " in line and self._down.exists():
            self._transport.write(_REFUSAL)
            return
        now = time.time_ns()
        noted = zip(_CAUSE.findall(body), _PROFILE.findall(body), strict=True)
        self._file.writelines(b"%s %s %d\n" % (cause, profile, now) for cause, profile in noted)
        self._file.flush()
        self._transport.write(_ANSWER)


async def serve(port: int, file: Path) -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(file), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
