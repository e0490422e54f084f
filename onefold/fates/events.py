"""Of every event that was accepted, whether it was routed to a profile or is a dead letter.

A worker reads a batch, writes what follows and commits its position in one transaction; so what was routed and read by
the profile is folded, or was found to be a repetition. Here it is shown that nothing got lost on the way.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping

import msgspec
from confluent_kafka import Message

from admission.admit import TopicPosition, admit
from admission.rejection import Rejection
from identity.rules import IdentityRules
from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.reading import read_to_end
from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.records import EventHead
from warehouse.queries.fates import Fates

Heard = Callable[[int], None]
MOST_NAMED = 20


class LostEvent(msgspec.Struct, frozen=True):
    """An accepted event that has ended nowhere, and where it lies; without an id if it cannot be read."""

    partition: int
    offset: int
    source: str = ""
    message_id: str = ""


class EventFates(msgspec.Struct, frozen=True):
    """Accepted records on `events` and how they ended: `accepted` = `folded` + `repeated` + `dead` + `missing`.

    `rejected`: what the collector did not accept. `lost`: the first of those that are missing.
    """

    accepted: int
    folded: int
    repeated: int
    dead: int
    rejected: int
    missing: int
    lost: tuple[LostEvent, ...] = ()


class _Accepted:
    """What lies on `events`: how often each number, and the positions that cannot be read."""

    def __init__(self) -> None:
        self.times: dict[int, int] = {}
        self.unread: set[tuple[int, int]] = set()

    def count(self) -> int:
        return sum(self.times.values()) + len(self.unread)


def event_number(source: str, message_id: str) -> int:
    """Return a number for what is the same event: the first 8 bytes of MD5, as ClickHouse computes them."""
    digest = hashlib.md5(f"{source}\0{message_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big")


def event_fates(  # noqa: PLR0913, PLR0917 - both sides, since when, and who hears how far it is
    kafka: str, codec: Codec, fates: Fates, workspace: str, rules: IdentityRules, since: int | None, heard: Heard
) -> EventFates:
    """Reconcile; `since` (ms): what was accepted from then on. Raises OnefoldError."""
    start = _start(kafka, since)
    accepted = _read(kafka, codec, workspace, start, heard)
    total, unaccounted = accepted.count(), set(accepted.times)
    for numbers in fates.routed():
        unaccounted.difference_update(numbers)
    routed = {number: times for number, times in accepted.times.items() if number not in unaccounted}
    dead_at, dead_numbers = _dead(fates, codec)
    dead = sum(accepted.times[number] for number in unaccounted & dead_numbers) + len(accepted.unread & dead_at)
    unaccounted -= dead_numbers
    lost, repaired = [], 0
    if unaccounted or accepted.unread - dead_at:
        wanted = _Wanted(workspace, unaccounted, accepted.unread - dead_at, dead_at, rules)
        for each in wanted.find(kafka, codec, start, fates):
            lost.append(each)
        repaired, dead = wanted.repaired, dead + wanted.dead
    folded = len(routed)
    return EventFates(
        accepted=total,
        folded=folded,
        repeated=sum(routed.values()) - folded + repaired,
        dead=dead,
        rejected=fates.rejected(since or 0),
        missing=len(lost),
        lost=tuple(lost[:MOST_NAMED]),
    )


def _start(kafka: str, since: int | None) -> Mapping[Partition, int]:
    if since is None:
        return {}
    offsets = Offsets(kafka)
    return offsets.at(offsets.partitions([topics.EVENTS]), since)


def _read(kafka: str, codec: Codec, workspace: str, start: Mapping[Partition, int], heard: Heard) -> _Accepted:
    accepted, times = _Accepted(), dict[int, int]()
    for number, message in enumerate(read_to_end(kafka, [topics.EVENTS], start)):
        head = _head(codec, message)
        if head is None:
            accepted.unread.add(_position(message))
        elif head.workspace == workspace:
            key = event_number(head.source, head.message_id)
            times[key] = times.get(key, 0) + 1
        if number % 10_000 == 0:
            heard(number)
    accepted.times = times
    return accepted


def _dead(fates: Fates, codec: Codec) -> tuple[set[tuple[int, int]], set[int]]:
    """Return positions on `events`, and the numbers of events whose records are dead letters further on."""
    positions, numbers = set(), set()
    for letter in fates.dead():
        if letter.topic == topics.EVENTS:
            positions.add((letter.partition, letter.offset))
        elif letter.topic == topics.EVENTS_RESOLVED:
            try:
                head = codec.decode_head(letter.value)
            except DecodeError:
                continue
            numbers.add(event_number(head.source, head.message_id))
    return positions, numbers


class _Wanted:
    """Looks a second time at what is not accounted for by its id: it may be dead, or was admitted under another id."""

    def __init__(
        self,
        workspace: str,
        numbers: set[int],
        unread: set[tuple[int, int]],
        dead_at: set[tuple[int, int]],
        rules: IdentityRules,
    ) -> None:
        self._workspace, self._numbers, self._unread = workspace, numbers, unread
        self._dead_at, self._rules = dead_at, rules
        self.dead = self.repaired = 0

    def find(self, kafka: str, codec: Codec, start: Mapping[Partition, int], fates: Fates) -> Iterator[LostEvent]:
        """Yield what is lost."""
        suspected: list[tuple[LostEvent, int]] = []
        for message in read_to_end(kafka, [topics.EVENTS], start):
            head, position = _head(codec, message), _position(message)
            if head is None:
                if position not in self._unread:
                    continue
                try:
                    suspected.append((LostEvent(*position), self._admitted(codec, message)))
                except DecodeError:
                    yield LostEvent(*position)
            elif head.workspace == self._workspace and event_number(head.source, head.message_id) in self._numbers:
                if position in self._dead_at:
                    self.dead += 1
                else:
                    suspected.append(
                        (LostEvent(*position, head.source, head.message_id), self._admitted(codec, message))
                    )
        admitted = {number for _, number in suspected}
        for numbers in fates.routed() if suspected else ():
            admitted.difference_update(numbers)
        for lost, number in suspected:
            if number in admitted:
                yield lost
            else:
                self.repaired += 1

    def _admitted(self, codec: Codec, message: Message) -> int:
        """Return the number of what came straight to Kafka, as it is admitted."""
        event = codec.decode_as_sent(message.value())
        position = TopicPosition(topics.EVENTS, message.partition() or 0, message.offset() or 0)
        with contextlib.suppress(Rejection):
            event = admit(event, position, self._rules).event
        return event_number(event.source, event.message_id)


def _head(codec: Codec, message: Message) -> EventHead | None:
    try:
        return codec.decode_head(message.value())
    except DecodeError:
        return None


def _position(message: Message) -> tuple[int, int]:
    return message.partition() or 0, message.offset() or 0
