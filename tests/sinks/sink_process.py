"""A sink as its own process, records in Kafka for it, and what became of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from confluent_kafka import Producer

from embedded.layout import free_ports
from embedded.stack import Stack
from onefold.progress import Lag, PipelineProgress
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas.codec import Codec
from schemas.groups import SINK
from schemas.registry import Registry
from tests.sinks.examples import Placed

DEADLINE_S = 60.0


class SinkProcess:
    """`python -m sinks` against a stack, but for what `environment` says; ends with the block."""

    def __init__(self, stack: Stack, folder: Path, **environment: str) -> None:
        self.metrics_port = free_ports(1)[0]
        self.log = folder / f"sink-{self.metrics_port}.log"
        own = {"ONEFOLD_SINK_METRICS_PORT": str(self.metrics_port)}
        self._environment = dict(stack.environment) | own | environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and return once it says that it is ready."""
        self.launch()
        wait_until(lambda: self.get("/health/ready") == httpx.codes.OK or not self.is_running)
        assert self.is_running, self.log.read_text()

    def launch(self) -> None:
        """Start it without waiting."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sinks"], env=self._environment, stdout=log, stderr=log
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def get(self, path: str) -> int:
        """Status of a GET on the metrics port; 0 while nobody listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.metrics_port}{path}").status_code
        except httpx.HTTPError:
            return 0

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text

    def terminate(self) -> tuple[int, float]:
        """Exit code after SIGTERM, and the seconds it took."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(DEADLINE_S)
        return code, time.monotonic() - started

    def wait(self) -> int:
        """Exit code, once it has ended by itself."""
        assert self._process is not None
        return self._process.wait(DEADLINE_S)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Feeder:
    """Produces records as the worker does, in transactions."""

    def __init__(self, stack: Stack) -> None:
        self._codec = Codec(Registry(stack.settings.registry))
        config = {
            "bootstrap.servers": stack.settings.kafka,
            "transactional.id": f"feeder-{os.getpid()}-{time.time_ns()}",
        }
        self._producer = Producer(PRODUCER_CONFIG | config)
        self._producer.init_transactions()

    def send(self, places: Iterable[Placed]) -> None:
        """One committed transaction; the offsets of the places do not matter."""
        self._producer.begin_transaction()
        for topic, partition, _, key, record in places:
            self._producer.produce(topic, self._codec.encoder(type(record))(record), key, partition)
        self._producer.commit_transaction()

    def send_and_abort(self, places: Iterable[Placed]) -> None:
        """One aborted transaction."""
        self._producer.begin_transaction()
        for topic, partition, _, key, record in places:
            self._producer.produce(topic, self._codec.encoder(type(record))(record), key, partition)
        self._producer.flush()
        self._producer.abort_transaction()

    def send_bytes(self, topic: str, value: bytes | None, key: bytes | None = None) -> None:
        """One committed record of any bytes."""
        self._producer.begin_transaction()
        self._producer.produce(topic, value, key, partition=0, headers=[("origin", b"test")])
        self._producer.commit_transaction()


def sink_lags(stack: Stack) -> tuple[Lag, ...]:
    """What the sink has still to read."""
    return tuple(lag for lag in PipelineProgress(stack.settings).lagging() if lag.group == SINK.name)


def wait_until(is_true: Callable[[], bool]) -> None:
    """Return once a condition holds; fail the test when it does not in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)
