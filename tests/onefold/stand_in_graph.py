"""A stand-in for GRAPH and the rebuilder as whoever requested something sees them: it answers as the test says."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition

from embedded.stack import Stack
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.offsets import Offsets
from schemas import topics
from schemas.codec import Codec
from schemas.records import IdentityChange, IdentityRequest
from schemas.registry import Registry

Answer = Callable[[IdentityRequest], Sequence[IdentityChange]]


class StandInGraph:
    """Reads the requests of one workspace from now on, and publishes what `answer` gives; ends with the block."""

    def __init__(self, stack: Stack, workspace: str, answer: Answer) -> None:
        self._workspace = workspace
        self._answer = answer
        self._codec = Codec(Registry(stack.settings.registry))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.requests: list[IdentityRequest] = []
        address = {"bootstrap.servers": stack.settings.kafka}
        self._producer = Producer(PRODUCER_CONFIG | address)
        self._consumer = Consumer(address | {"group.id": "stand-in-graph", "fetch.wait.max.ms": 20})
        offsets = Offsets(stack.settings.kafka)
        extents = offsets.extents(offsets.partitions([topics.IDENTITY_REQUESTS]))
        self._consumer.assign([TopicPartition(*position, extent.end) for position, extent in extents.items()])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(30)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            request = self._codec.decode(IdentityRequest, message.value())
            if request.workspace != self._workspace:
                continue
            assert message.key() == self._workspace.encode()
            self.requests.append(request)
            for change in self._answer(request):
                value = self._codec.encoder(IdentityChange)(change)
                self._producer.produce(topics.IDENTITY_CHANGES, value, message.key())
            self._producer.flush(30)
