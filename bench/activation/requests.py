"""`python -m bench.activation.requests PORT RUN RATE SECONDS CALLS`: sends calls to the collector, at a steady rate.

A process of its own, so that whoever listens has the interpreter to itself. Prints how many requests were refused.
"""

import socket
import sys
import threading
import time

import msgspec

from bench.activation.live import message_id_of
from runtime.loopback import LOOPBACK

CONNECTIONS = 16
_HEAD = "POST /v1/batch HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic ZGV2Og==\r\nContent-Length: {length}\r\n\r\n"
_NAMES = ("Product Viewed", "Product Added", "Order Completed")
_PROPERTIES = {"product_id": "kettle-2", "price": 49.9, "total": 120.5, "currency": "EUR"}


def main() -> None:
    """Send until the time is up."""
    port, run, rate, seconds, calls = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
    refused: list[int] = []
    requests_s = rate / calls
    threads = [
        threading.Thread(target=_send, args=(int(port), run, number, requests_s, seconds, int(calls), refused))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(refused))


def _send(  # noqa: PLR0913, PLR0917 - one thread's share, field by field
    port: int, run: str, first: int, requests_s: float, seconds: float, calls: int, refused: list[int]
) -> None:
    started = time.monotonic_ns()
    with socket.create_connection((LOOPBACK, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(first, int(requests_s * seconds), CONNECTIONS):
            due_ns = started + int(number / requests_s * 1e9)
            ahead_ns = due_ns - time.monotonic_ns()
            if ahead_ns > 0:
                time.sleep(ahead_ns / 1e9)
            body = msgspec.json.encode({"batch": [_call(run, number * calls + at, due_ns) for at in range(calls)]})
            connection.sendall(_HEAD.format(host=LOOPBACK, length=len(body)).encode() + body)
            if not _answer(connection).startswith(b"HTTP/1.1 200"):
                refused.append(number)


def _call(run: str, number: int, due_ns: int) -> dict[str, object]:
    """Three calls of a person that the definitions are about, then an identify."""
    call = {"messageId": message_id_of(run, number, due_ns), "userId": f"{run}-{number // 4}"}
    if number % 4 == 3:
        return {**call, "type": "identify", "traits": {"plan": "pro"}}
    return {**call, "type": "track", "event": _NAMES[number % 4], "properties": _PROPERTIES}


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    while len(body) < length:
        body += connection.recv(65_536)
    return head


if __name__ == "__main__":
    main()
