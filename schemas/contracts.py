"""What must be there before events can be written: the topics, the registered schemas, and encoders by their ids."""

import contextlib
import threading
from collections.abc import Callable
from typing import NamedTuple

from runtime.errors import OnefoldError, TransientError
from runtime.http.health import OK
from runtime.kafka.topics import create_topics
from runtime.retrying import Stopped, persist
from schemas import topics
from schemas.codec import Codec
from schemas.records import Event, IdentityRequest, RejectedEvent
from schemas.registry import Registry
from settings import Settings


class Encoders(NamedTuple):
    """What makes the values of records for the topics that are written to from outside."""

    event: Callable[[Event], bytes]
    rejected: Callable[[RejectedEvent], bytes]
    request: Callable[[IdentityRequest], bytes]


class Contracts:
    """Established by a thread that tries until Kafka and the registry are there; `reason` says what is missing."""

    def __init__(self, settings: Settings) -> None:
        self.encoders: Encoders | None = None
        self.reason = "the schemas are not registered yet"
        self._settings = settings
        self._stopping = threading.Event()
        # A daemon: an unanswered call to the broker must not hold up the end of the process.
        threading.Thread(target=self._establish, name="contracts", daemon=True).start()

    async def probe(self) -> str:
        """Return OK once there are encoders, until then what is missing."""
        return OK if self.encoders is not None else self.reason

    def stop(self) -> None:
        """Try no further."""
        self._stopping.set()

    def _establish(self) -> None:
        with contextlib.suppress(Stopped):
            self.encoders = persist("topics and schemas", self._attempt, self._stopping)

    def _attempt(self) -> Encoders:
        try:
            return establish(self._settings)
        except OnefoldError as error:
            self.reason = f"topics and schemas: {error}"
            raise TransientError(str(error)) from error  # also a refusal: it is cured elsewhere while this one waits


def establish(settings: Settings) -> Encoders:
    """Create missing topics, register the schemas. Raises TransientError or TerminalError."""
    create_topics(settings.kafka, topics.configurations(), settings.partitions, settings.replication, timeout_s=5.0)
    registry = Registry(settings.registry, timeout_s=5.0)
    registry.register_all()
    codec = Codec(registry)
    return Encoders(codec.encoder(Event), codec.encoder(RejectedEvent), codec.encoder(IdentityRequest))
