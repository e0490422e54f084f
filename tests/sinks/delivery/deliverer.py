"""A deliverer as its own process, changes for it in Kafka, and what it says of them."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from definitions.consent import ConsentRules, Purpose
from definitions.destinations import Destination
from definitions.model import Definitions
from embedded.layout import free_ports
from embedded.stack import Stack
from runtime.kafka.partitions import partition_of
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics
from schemas.codec import Codec
from schemas.consent import NO_CONSENT, ConsentState, ConsentStatement, Status, encode_consent
from schemas.identity import profile_key
from schemas.records import ConsentChange, DeliveryAttempt, SegmentChange
from schemas.registry import Registry
from schemas.topics import CONSENTS, DELIVERIES, activation, activations
from tests.sinks.sink_process import Feeder
from tests.support.process import ModuleProcess
from tests.support.sets import applied_set


def deliverer_process(stack: Stack, folder: Path, **environment: str) -> ModuleProcess:
    """A deliverer on a stack, but for what `environment` says."""
    port = free_ports(1)[0]
    own = {"ONEFOLD_DELIVERER_METRICS_PORT": str(port), "ONEFOLD_DATA_DIR": str(folder)}
    settings = dict(stack.environment) | own | environment
    return ModuleProcess("sinks.delivery", environment=settings, log=folder / f"deliverer-{port}.log", port=port)


@contextmanager
def running_deliverer(stack: Stack, folder: Path, **environment: str) -> Iterator[ModuleProcess]:
    """The same, once it is ready. It ends in order, so that all it has done is committed and can be read at once."""
    with deliverer_process(stack, folder, **environment) as process:
        process.wait_until_ready()
        yield process
        if process.is_running:
            process.terminate()


def person(number: int) -> str:
    """The id of a person."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


class Changes:
    """Sends changes of segments to destinations, as PROFILE does."""

    def __init__(self, stack: Stack, workspace: str) -> None:
        self._stack = stack
        self._workspace = workspace
        self._feeder = Feeder(stack)
        self._codec = Codec(Registry(stack.settings.registry))
        self._versions: dict[int, int] = {}
        self._said: dict[int, str] = {}
        self.members: set[tuple[str, str]] = set()

    def define(self, *destinations: Destination) -> None:
        """Apply destinations, and nothing else; make their topics."""
        settings = self._stack.settings
        create_topics(
            settings.kafka, activations(each.name for each in destinations), settings.partitions, settings.replication
        )
        rules = ConsentRules((Purpose("marketing"),))
        applied_set(self._stack, Definitions(destinations=destinations, consent=rules))

    def toggle(self, destinations: Sequence[Destination], people: Iterable[int], segment: str = "buyers") -> None:
        """Have people enter a segment, or leave it if they are in it, one after the other."""
        placed = []
        for number in people:
            member = (person(number), segment)
            self.members ^= {member}
            version = self._versions[number] = self._versions.get(number, 0) + 1
            change = SegmentChange(
                workspace=self._workspace,
                change_id=f"{self._workspace}-{number}-{segment}-{version}",
                profile_id=member[0],
                segment=segment,
                change="entered" if member in self.members else "exited",
                changed_at=version,
                cause="m",
                version=version,
                consent=self._said.get(number, NO_CONSENT),
            )
            key = profile_key(self._workspace, member[0])
            partition = partition_of(key, self._stack.settings.partitions)
            placed += [(activation(each.name), partition, 0, key, change) for each in destinations]
        self._feeder.send(placed)

    def say(self, number: int, status: Status) -> None:
        """Have somebody say yes or no to marketing by e-mail, as PROFILE publishes it."""
        version = self._versions[number] = self._versions.get(number, 0) + 1
        state = ConsentState({"marketing": {"email": ConsentStatement(status, version, "m", "web")}})
        text, who = encode_consent(state), person(number)
        self._said[number] = text
        key = profile_key(self._workspace, who)
        change = ConsentChange(self._workspace, who, "person", who, 0, version, version, text)
        self._feeder.send([(CONSENTS, partition_of(key, self._stack.settings.partitions), 0, key, change)])

    def attempts(self, destination: str) -> list[DeliveryAttempt]:
        """What was said of deliveries to a destination, in the order of each partition."""
        decode, messages = self._codec.decode, read_to_end(self._stack.settings.kafka, [DELIVERIES])
        said = (decode(DeliveryAttempt, message.value()) for message in messages)
        return [each for each in said if each.destination == destination]
