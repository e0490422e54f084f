"""A deliverer with Kafka and the registry alone, a receiver on the same machine, and changes put on the topics."""

import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from confluent_kafka import Producer

from bench.deliveries.receiver import down_file
from embedded.layout import Ports, free_ports
from embedded.stack import Stack, StackOptions
from embedded.steps import accepts_connections
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
secrets: [{{env: {secret}}}]
allow_private: true
concurrency: 64
timeout: 5s
{options}
"""
ENTERING = "Bench Entered"
_SEGMENT = f"segment: bench\nwhen: {{event: {ENTERING}, within: 1d}}\ndestinations: [%s]\n"
_ALONE = ("kafka", "registry", "deliverer")
_WHOLE = ("kafka", "registry", "collector", "worker", "deliverer")
SECRET, SIGNED_BY = "BENCH_SECRET", "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw=="


class Receiving(NamedTuple):
    """Where definitions are, and the file of what was received."""

    definitions: Path
    file: Path


class ReceivedDelivery(NamedTuple):
    """A delivery that came (ns): when it was sent, when it came, and the profile that it is about."""

    sent: int
    came: int
    profile: str


class TopicRecord(NamedTuple):
    """What is put on a topic; `at_ms`: the time that it is written with."""

    topic: str
    value: bytes
    key: bytes
    at_ms: int


class World:
    """What a part measures with."""

    def __init__(self, stack: Stack, file: Path) -> None:
        self.stack = stack
        self._file = file
        self._read_to = 0
        self._received: defaultdict[str, list[ReceivedDelivery]] = defaultdict(list)
        self._down = down_file(file)
        self._requests = httpx.Client(base_url=stack.addresses.http, auth=("dev", ""))
        self._encode = Codec(Registry(stack.addresses.registry)).encoder(SegmentChange)
        self._producer = Producer(
            PRODUCER_CONFIG
            | {"bootstrap.servers": stack.addresses.kafka, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
        )

    def record(self, destination: str, number: int, prefix: str = "", at_ms: int | None = None) -> TopicRecord:
        """Make the record that the number-th person has entered; its cause is the time of now, in ns.

        `at_ms`: when it happened, and was written; now if not said.
        """
        change = entry(destination, number, prefix, at_ms)
        key = profile_key(WORKSPACE, change.profile_id)
        return TopicRecord(activation(destination), self._encode(change), key, change.changed_at)

    def put(self, record: TopicRecord) -> None:
        """Put a record on its topic."""
        while True:
            try:
                self._producer.produce(record.topic, record.value, record.key, timestamp=record.at_ms)
                return
            except BufferError:
                self._producer.poll(0.1)

    def send(self, destination: str, number: int, prefix: str = "") -> None:
        """Put the entry of the number-th person on a destination's topic; its cause is the time of now, in ns."""
        self.put(self.record(destination, number, prefix))

    def track(self, people: range, prefix: str) -> None:
        """Have people enter, by one request; the message ids, which are the causes, are the time of now, in ns."""
        now = time.time_ns()
        events = [
            {"type": "track", "event": ENTERING, "userId": f"{prefix}{each}", "messageId": f"{prefix}{now + number}"}
            for number, each in enumerate(people)
        ]
        self._requests.post("/v1/batch", json={"batch": events}).raise_for_status()

    def take_down(self, *, is_down: bool) -> None:
        """Have `down` answer 503 from now on, or take everything again."""
        self._down.touch() if is_down else self._down.unlink()

    def flush(self) -> None:
        """Return once the broker has everything."""
        self._producer.flush()

    def poll(self) -> None:
        """Let the client go on."""
        self._producer.poll(0)

    def received(self, prefix: str) -> list[ReceivedDelivery]:
        """Return what has come so far of the causes that begin so, in the order in which it came."""
        if self._file.exists():
            with self._file.open() as file:
                file.seek(self._read_to)
                for line in file.read().splitlines(keepends=True):
                    if line.endswith("\n"):
                        self._read_to += len(line)
                        cause, profile, came = line.split()
                        head = cause.rstrip("0123456789")
                        self._received[head].append(ReceivedDelivery(int(cause.removeprefix(head)), int(came), profile))
        return self._received[prefix]

    @property
    def deliverer(self) -> psutil.Process:
        """The process that is measured."""
        pid = self.stack.process("deliverer").pid
        assert pid is not None, "the deliverer runs"
        return psutil.Process(pid)


def entry(destination: str, number: int, prefix: str = "", at_ms: int | None = None) -> SegmentChange:
    """Return the entry of the number-th person, at a time or now; its cause is the time of now, in ns."""
    profile = str(uuid.UUID(int=(number << 64) | (5 << 76) | (1 << 63), version=5))
    now = time.time_ns()
    happened_at = now // 1_000_000 if at_ms is None else at_ms
    return SegmentChange(
        WORKSPACE, f"{prefix}{destination}-{number}-{now}", profile, "bench", "entered", happened_at,
        f"{prefix}{now}", 1, (Identifier("email", f"person-{number}@example.com"),), decided_at=happened_at,
    )  # fmt: skip


@contextmanager
def receiving(folder: Path, *destinations: str) -> Iterator[Receiving]:
    """Provide definitions of webhooks of these names, and their receiver; `world` says what the names mean."""
    port, file = free_ports(1)[0], folder / "received"
    definitions = folder / "definitions"
    (definitions / "destinations").mkdir(parents=True)
    (definitions / "segments").mkdir()
    (definitions / "segments" / "bench.yaml").write_text(_SEGMENT % ", ".join(destinations))
    for name in destinations:
        path = {"hanging": "hang", "down": "down"}.get(name, "hook")
        options = "batch: 1000" if name.startswith("batch") else ""
        text = _WEBHOOK.format(name=name, port=port, path=path, options=options, secret=SECRET)
        (definitions / "destinations" / f"{name}.yaml").write_text(text)
    receiver = subprocess.Popen([sys.executable, "-m", "bench.deliveries.receiver", str(port), str(file)])
    try:
        while not accepts_connections(port):
            if receiver.poll() is not None:
                raise SystemExit("the receiver has ended")
            time.sleep(0.05)
        yield Receiving(definitions, file)
    finally:
        receiver.kill()
        receiver.wait()


@contextmanager
def world(folder: Path, *destinations: str, is_whole: bool = False) -> Iterator[World]:
    """Provide a world with webhooks of these names.

    One that begins with `hanging` never gets an answer, one that begins with `batch` gets a thousand in a request,
    `down` is refused while `take_down` says so. `is_whole`: with a collector and a worker.
    """
    with receiving(folder, *destinations) as (definitions, file):
        stack_options = StackOptions(
            data_dir=folder / "data",
            definitions=definitions,
            ports=Ports.free(),
            processes=_WHOLE if is_whole else _ALONE,
            settings={SECRET: SIGNED_BY},
            is_brief=True,
        )
        with Stack(stack_options) as stack:
            yield World(stack, file)
