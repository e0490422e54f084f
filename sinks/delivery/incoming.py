"""What has come and is not admitted yet, by topic: a flood on one of them does not hold up the others."""

from collections import Counter, deque
from collections.abc import Container, Iterable

from schemas.topics import CONSENTS
from sinks.delivery.rounds import IncomingRecord

MOST, MOST_BYTES = 2_000, 8_000_000
FEW, FEW_BYTES = 500, 2_000_000
"""Records that wait to be admitted: of one topic MOST are read, and then none until there are fewer than FEW.

Each topic that waits has an equal share of that.
"""
OF_UNSENDABLE = 25
"""Records in one round, of destinations that can be sent nothing now: the others wait while these are admitted."""


class Incoming:
    """Keeps the order of each topic. What people have said goes first: it counts from when it is read.

    Filled and emptied by the event loop; `full`, `has_any` and `has_room` may be called by another thread.
    """

    def __init__(self) -> None:
        self._by_topic: dict[str, deque[IncomingRecord]] = {}
        self._bytes_of: Counter[str] = Counter()
        self._number = 0
        self._until_bytes = 0  # `take` takes no more once so few are left
        self.bytes = 0
        """How long their values are, together."""

    def __len__(self) -> int:
        return self._number

    def add(self, records: Iterable[IncomingRecord]) -> None:
        """Add records, each behind those of its topic."""
        for record in records:
            self._by_topic.setdefault(record.topic, deque()).append(record)
            self._number += 1
            self._count_bytes(record.topic, _bytes(record))

    def full(self) -> list[str]:
        """Return the topics of which so much waits that no more is to be read."""
        return [topic for topic in list(self._by_topic) if self._exceeds(topic, MOST, MOST_BYTES)]

    def has_any(self, topics: Iterable[str]) -> bool:
        """Return whether anything of topics waits."""
        return any(topic in self._by_topic for topic in topics)

    def has_room(self, topic: str) -> bool:
        """Return whether so little of a topic waits that more is to be read."""
        return not self._exceeds(topic, FEW, FEW_BYTES)

    def take(self, limit: int, most_bytes: int, unsendable: Container[str] = ()) -> list[IncomingRecord]:
        """Take `limit` records at most: of `consents` first, then of each topic as many as of any other.

        They are fewer where they are long: one more than fit into so many bytes at most. Of topics that are
        `unsendable` they are OF_UNSENDABLE at most.
        """
        self._until_bytes = self.bytes - most_bytes
        taken = self._take_of(CONSENTS, limit)
        last = [topic for topic in self._by_topic if topic in unsendable]
        taken += self._take_in_turns([topic for topic in self._by_topic if topic not in last], limit - len(taken))
        taken += self._take_in_turns(last, min(limit - len(taken), OF_UNSENDABLE))
        self._number -= len(taken)
        return taken

    def _take_in_turns(self, topics: Iterable[str], limit: int) -> list[IncomingRecord]:
        taken: list[IncomingRecord] = []
        left = list(topics)
        while left and len(taken) < limit and self.bytes > self._until_bytes:
            share = max((limit - len(taken)) // len(left), 1)
            for topic in left:
                taken += self._take_of(topic, min(share, limit - len(taken)))
            left = [topic for topic in left if topic in self._by_topic]
        return taken

    def _take_of(self, topic: str, limit: int) -> list[IncomingRecord]:
        waiting = self._by_topic.get(topic)
        if waiting is None:
            return []
        taken: list[IncomingRecord] = []
        while waiting and len(taken) < limit and self.bytes > self._until_bytes:
            taken.append(waiting.popleft())
            self._count_bytes(topic, -_bytes(taken[-1]))
        if not waiting:
            del self._by_topic[topic]
        return taken

    def _count_bytes(self, topic: str, more: int) -> None:
        self.bytes += more
        self._bytes_of[topic] += more

    def _exceeds(self, topic: str, number: int, size: int) -> bool:
        topics = max(len(self._by_topic), 1)
        return len(self._by_topic.get(topic, ())) > number / topics or self._bytes_of[topic] > size / topics


def _bytes(record: IncomingRecord) -> int:
    return len(record.value or b"")
