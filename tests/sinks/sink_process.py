"""A sink as its own process, records in Kafka for it, and what became of them."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from embedded.layout import free_ports
from embedded.stack import Stack
from onefold.progress import Lag, PipelineProgress
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas.codec import Codec
from schemas.groups import SINK
from schemas.registry import Registry
from tests.sinks.examples import Placed
from tests.support.process import ModuleProcess


def sink_process(stack: Stack, folder: Path, **environment: str) -> ModuleProcess:
    """A sink on a stack, but for what `environment` says."""
    port = free_ports(1)[0]
    settings = dict(stack.environment) | {"ONEFOLD_SINK_METRICS_PORT": str(port)} | environment
    return ModuleProcess("sinks", environment=settings, log=folder / f"sink-{port}.log", port=port)


@contextmanager
def running_sink(stack: Stack, folder: Path, **environment: str) -> Iterator[ModuleProcess]:
    """The same, once it is ready."""
    with sink_process(stack, folder, **environment) as process:
        process.wait_until_ready()
        yield process


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

    def encoded(self, record: msgspec.Struct) -> bytes:
        """A record as it is produced."""
        return self._codec.encoder(type(record))(record)

    def send(self, inputs: Iterable[Placed]) -> None:
        """One committed transaction; their offsets do not matter."""
        self._producer.begin_transaction()
        for topic, partition, _, key, record in inputs:
            self._producer.produce(topic, self._codec.encoder(type(record))(record), key, partition)
        self._producer.commit_transaction()

    def send_and_abort(self, inputs: Iterable[Placed]) -> None:
        """One aborted transaction."""
        self._producer.begin_transaction()
        for topic, partition, _, key, record in inputs:
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
    return tuple(lag for lag in _progress(stack).lagging() if lag.group == SINK.name)


@cache  # with its consumers, which cost more than what they are asked
def _progress(stack: Stack) -> PipelineProgress:
    return PipelineProgress(stack.settings)
