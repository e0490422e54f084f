"""Which addresses a destination may lead to: none within the networks of the house, unless its definition allows it.

The address that was checked is the one that is connected to, so a name that resolves otherwise a moment later gains
nothing.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from sinks.destinations.http.public import refuse_private

_RESOLVING_THREADS = 2


class Guard(AbstractResolver):
    """Resolves the names of one destination; refuses those any of whose addresses is not public.

    Has threads of its own: a name server that does not answer holds up nobody else's destination.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, "resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises ForbiddenAddress, OSError."""
        loop = asyncio.get_running_loop()
        resolved = await loop.run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
        results = [_result(host, entry[0], entry[2], entry[4]) for entry in resolved]
        if not self._allow_private:
            for result in results:
                refuse_private(result["host"], host)
        return results

    async def close(self) -> None:
        """Let go of the threads, without waiting for a name server."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, family: int, protocol: int, address: tuple[object, ...]) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address[0]),
        port=int(str(address[1])),
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
