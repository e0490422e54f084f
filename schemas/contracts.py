"""What must be there before events can be written: the topics, the registered schemas, and encoders by their ids."""

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from runtime.errors import OnefoldError
from runtime.http.health import OK
from runtime.kafka.topics import create_topics
from schemas import topics
from schemas.codec import Codec
from schemas.records import Event, IdentityRequest, RejectedEvent
from schemas.registry import Registry
from settings import Settings

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)


class Encoders(NamedTuple):
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
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                self.encoders = establish(self._settings)
            except OnefoldError as error:
                self.reason = f"topics and schemas: {error}"
                logger.warning("not ready to take events, trying again in %.1f s: %s", pause_s, self.reason)
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                logger.info("topics and schemas are there")
                return


def establish(settings: Settings) -> Encoders:
    """Create missing topics, register the schemas. Raises TransientError or TerminalError."""
    create_topics(settings.kafka, topics.configurations(), settings.partitions, settings.replication, timeout_s=5.0)
    registry = Registry(settings.registry, timeout_s=5.0)
    registry.register_all()
    codec = Codec(registry)
    return Encoders(codec.encoder(Event), codec.encoder(RejectedEvent), codec.encoder(IdentityRequest))
