"""What has come and is not admitted yet, by topic: a flood on one of them does not hold up the others."""

from collections import deque
from collections.abc import Iterable

from schemas.topics import CONSENTS
from sinks.delivery.rounds import Arrival


class Arrivals:
    """Keeps the order of each topic. What people have said goes first: it counts from when it is read."""

    def __init__(self) -> None:
        self._by_topic: dict[str, deque[Arrival]] = {}
        self._number = 0
        self._until_bytes = 0  # `take` takes no more once so few are left
        self.bytes = 0
        """How long their values are, together."""

    def __len__(self) -> int:
        return self._number

    def add(self, arrivals: Iterable[Arrival]) -> None:
        """Add records, each behind those of its topic."""
        for arrival in arrivals:
            self._by_topic.setdefault(arrival.topic, deque()).append(arrival)
            self._number += 1
            self.bytes += _bytes(arrival)

    def take(self, limit: int, most_bytes: int) -> list[Arrival]:
        """Take `limit` records at most: of `consents` first, then of each topic as many as of any other.

        They are fewer where they are long: one more than fit into so many bytes at most.
        """
        self._until_bytes = self.bytes - most_bytes
        taken = self._take_of(CONSENTS, limit)
        while len(taken) < limit and self._by_topic and self.bytes > self._until_bytes:
            share = max((limit - len(taken)) // len(self._by_topic), 1)
            for topic in list(self._by_topic):
                taken += self._take_of(topic, min(share, limit - len(taken)))
        self._number -= len(taken)
        return taken

    def _take_of(self, topic: str, limit: int) -> list[Arrival]:
        waiting = self._by_topic.get(topic)
        if waiting is None:
            return []
        taken: list[Arrival] = []
        while waiting and len(taken) < limit and self.bytes > self._until_bytes:
            taken.append(waiting.popleft())
            self.bytes -= _bytes(taken[-1])
        if not waiting:
            del self._by_topic[topic]
        return taken


def _bytes(arrival: Arrival) -> int:
    return len(arrival.value or b"")
