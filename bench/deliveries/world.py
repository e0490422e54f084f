"""A deliverer with Kafka and the registry alone, a receiver on the same machine, and changes put on the topics."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from confluent_kafka import Producer

from embedded.layout import Ports, free_ports
from embedded.stack import Stack, StackOptions
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import Identifier, SegmentChange
from schemas.registry import Registry
from schemas.topics import activation

WORKSPACE = "main"
_WEBHOOK = """
destination: {name}
type: webhook
url: http://127.0.0.1:{port}/{path}
secrets: [{{env: BENCH_SECRET}}]
allow_private: true
concurrency: 64
timeout: 5s
{options}
"""
_SEGMENT = "segment: bench\nwhen: {event: Never Sent, within: 1d}\ndestinations: [%s]\n"
_SIGNED_BY = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw=="


class World:
    """What a part measures with."""

    def __init__(self, stack: Stack, file: Path) -> None:
        self.stack = stack
        self._file = file
        self._encode = Codec(Registry(stack.addresses.registry)).encoder(SegmentChange)
        self._producer = Producer(
            PRODUCER_CONFIG
            | {"bootstrap.servers": stack.addresses.kafka, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
        )

    def send(self, destination: str, number: int, prefix: str = "") -> None:
        """Put the entry of the number-th person on a destination's topic; its cause is the time of now, in ns."""
        profile = str(uuid.UUID(int=(number << 64) | (5 << 76) | (1 << 63), version=5))
        now = time.time_ns()
        change = SegmentChange(
            WORKSPACE, f"{prefix}{destination}-{number}-{now}", profile, "bench", "entered", now // 1_000_000,
            f"{prefix}{now}", 1, (Identifier("email", f"person-{number}@example.com"),), decided_at=now // 1_000_000,
        )  # fmt: skip
        while True:
            try:
                self._producer.produce(activation(destination), self._encode(change), profile_key(WORKSPACE, profile))
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        """Return once the broker has everything."""
        self._producer.flush()

    def poll(self) -> None:
        """Let the client go on."""
        self._producer.poll(0)

    def received(self, prefix: str = "") -> list[tuple[int, int]]:
        """When each delivery whose cause begins so was sent, and when it came (ns)."""
        rows = []
        for line in self._file.read_text().splitlines() if self._file.exists() else []:
            cause, _, came = line.rpartition(" ")
            if came.isdigit() and cause.startswith(prefix) and cause.removeprefix(prefix).isdigit():
                rows.append((int(cause.removeprefix(prefix)), int(came)))
        return rows

    @property
    def deliverer(self) -> psutil.Process:
        """The process that is measured."""
        pid = self.stack.process("deliverer").pid
        assert pid is not None, "the deliverer runs"
        return psutil.Process(pid)


@contextmanager
def world(folder: Path, *destinations: str) -> Iterator[World]:
    """Provide a world with webhooks of these names.

    One that begins with `hanging` never gets an answer, one that begins with `batch` gets a thousand in a request.
    """
    port, file = free_ports(1)[0], folder / "received"
    definitions = folder / "definitions"
    (definitions / "destinations").mkdir(parents=True)
    (definitions / "segments").mkdir()
    (definitions / "segments" / "bench.yaml").write_text(_SEGMENT % ", ".join(destinations))
    for name in destinations:
        path = "hang" if name.startswith("hanging") else "hook"
        options = "batch: 1000" if name.startswith("batch") else ""
        text = _WEBHOOK.format(name=name, port=port, path=path, options=options)
        (definitions / "destinations" / f"{name}.yaml").write_text(text)
    stack_options = StackOptions(
        data_dir=folder / "data",
        definitions=definitions,
        ports=Ports.free(),
        processes=("kafka", "registry", "deliverer"),
        settings={"BENCH_SECRET": _SIGNED_BY},
        is_brief=True,
    )
    receiver = subprocess.Popen([sys.executable, "-m", "bench.deliveries.receiver", str(port), str(file)])
    try:
        with Stack(stack_options) as stack:
            yield World(stack, file)
    finally:
        receiver.kill()
        receiver.wait()
