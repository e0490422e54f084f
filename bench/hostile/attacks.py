"""The attacks, each a bounded loop against a stack on loopback; a process of their own, so that they steal no time.

`python -m bench.hostile.attacks` is started by `python -m bench.hostile`, with the target on its standard input.
"""

import contextlib
import gzip
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec
from confluent_kafka import KafkaException, Producer

from runtime.loopback import LOOPBACK

ATTACKER = "127.0.0.66"  # an address of its own: limits for each address are part of what is measured
_TIMEOUT_S = 5.0
_MB = 1 << 20


class Target(msgspec.Struct, frozen=True):
    """What is attacked, for how long. `metrics`: ports that serve metrics."""

    http: int
    api: int
    clickhouse: int
    metrics: tuple[int, ...]
    kafka: str
    seconds: float


def main() -> None:
    """Run all attacks beside each other until the time is up; print what each of them did as JSON."""
    target = msgspec.json.decode(sys.stdin.buffer.read(), type=Target)
    ends_at = time.monotonic() + target.seconds
    rounds = dict.fromkeys(ATTACKS, 0)

    def run(name: str) -> None:
        attack, pause_s = ATTACKS[name]
        while time.monotonic() < ends_at:
            with contextlib.suppress(OSError, KafkaException, BufferError):  # being cut off is what should happen
                attack(target)
            rounds[name] += 1
            time.sleep(pause_s)

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in ATTACKS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(target.seconds + 60)
    print(json.dumps(rounds))


def _connected(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=_TIMEOUT_S, source_address=(ATTACKER, 0))


@contextlib.contextmanager
def _many(port: int, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                opened.append(stack.enter_context(_connected(port)))
        yield opened


def _post(port: int, path: str, body: bytes, *headers: str) -> None:
    with _connected(port) as connection:
        lines = [f"POST {path} HTTP/1.1", f"Host: {LOOPBACK}:{port}", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)
        connection.recv(65536)


def _announce_and_stall(target: Target) -> None:
    """41 sockets that announce 5 MB and send one byte."""
    head = f"POST /v1/batch HTTP/1.1\r\nHost: {LOOPBACK}:{target.http}\r\nContent-Length: 5000000\r\n\r\n{{"
    with _many(target.http, 41) as opened:
        for connection in opened:
            with contextlib.suppress(OSError):
                connection.sendall(head.encode())
        time.sleep(_TIMEOUT_S)


def _half_heads(target: Target) -> None:
    """Heads that never end, a few bytes a second."""
    for port in (target.http, target.api, target.clickhouse, *target.metrics):
        with _many(port, 50) as opened:
            for _ in range(3):
                for connection in opened:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"GET / HTTP/1.1\r\nX-A: 1\r\n")
                time.sleep(1)


def _idle(target: Target) -> None:
    """Connections that say nothing, more than one address gets."""
    for port in (target.http, target.api, *target.metrics):
        with _many(port, 300):
            time.sleep(2)


def _bombs_without_key(target: Target) -> None:
    """22 KB of gzip that unpack to 5 MB of repeated keys."""
    bomb = gzip.compress(b'{"a":1,' + b'"b":2,' * 850_000 + b'"b":2}')
    for _ in range(10):
        _post(target.http, "/v1/batch", bomb, "Content-Encoding: gzip", "Content-Type: application/json")


def _worst_with_key(target: Target) -> None:
    """What is allowed in size and hostile in shape."""
    shapes = (
        b'{"userId":"u","event":"e","properties":{' + b",".join(b'"%d":1' % n for n in range(60_000)) + b',"1":2}}',
        b'{"userId":"u","event":"e","properties":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"userId":"u","event":"e","properties":{"' + b"k" * _MB + b'":{' + b'"a":{"b":1},' * 1_000 + b'"c":1}}}',
        b'{"batch":[' + b'{"type":"track","event":"e"},' * 2_400 + b"1]}",
    )
    for shape in shapes:
        _post(target.http, "/v1/track" if b"batch" not in shape[:9] else "/v1/batch", shape, _BASIC)


def _pictures(target: Target) -> None:
    """What a web page can make a browser ask of the gateway, and guesses of its password."""
    query = "INSERT+INTO+FUNCTION+file('owned.csv')+SELECT+1"
    for more in ("Sec-Fetch-Site: cross-site", "Origin: http://evil.example", "X-ClickHouse-Key: guess"):
        with _connected(target.clickhouse) as connection:
            head = f"GET /?query={query} HTTP/1.1\r\nHost: {LOOPBACK}:{target.clickhouse}\r\n{more}\r\n\r\n"
            connection.sendall(head.encode())
            connection.recv(65536)


def _rebound(target: Target) -> None:
    """A page under a name that points here."""
    paths = ("/health/ready", "/metrics")
    ports = [
        (target.api, "/v1/profiles/user_id:u"),
        *((port, path) for port in (target.http, target.api) for path in paths),
    ]
    for port, path in ports:
        with _connected(port) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
            connection.recv(65536)


def _kafka_bomb(target: Target) -> None:
    """A batch of 100 MB of zeros in a few KB."""
    for codec in ("gzip", "zstd", "lz4"):
        producer = Producer(
            {
                "bootstrap.servers": target.kafka,
                "compression.type": codec,
                "message.max.bytes": 200_000_000,
                "log_level": 0,
                "message.timeout.ms": 10_000,
            }
        )
        producer.produce("events", bytes(100 * _MB))
        producer.flush(10)


_BASIC = "Authorization: Basic ZGV2Og=="
ATTACKS: dict[str, tuple[Callable[[Target], None], float]] = {
    "announce and stall": (_announce_and_stall, 0.0),
    "half heads": (_half_heads, 0.2),
    "idle connections": (_idle, 0.2),
    "gzip bombs without a key": (_bombs_without_key, 1.0),
    "worst shapes with a key": (_worst_with_key, 2.0),
    "pictures and guesses": (_pictures, 0.1),
    "rebound names": (_rebound, 0.1),
    "Kafka bombs": (_kafka_bomb, 20.0),
}


def port_of(url: str) -> int:
    """Return the port of one of the stack's addresses."""
    port = urlsplit(url).port
    assert port is not None
    return port


if __name__ == "__main__":
    main()
