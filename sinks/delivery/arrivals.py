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

    def __len__(self) -> int:
        return self._number

    def add(self, arrivals: Iterable[Arrival]) -> None:
        """Add records, each behind those of its topic."""
        for arrival in arrivals:
            self._by_topic.setdefault(arrival.topic, deque()).append(arrival)
            self._number += 1

    def take(self, limit: int) -> list[Arrival]:
        """Take `limit` records at most: of `consents` first, then of each topic as many as of any other."""
        taken = self._take_of(CONSENTS, limit)
        while len(taken) < limit and self._by_topic:
            share = max((limit - len(taken)) // len(self._by_topic), 1)
            for topic in list(self._by_topic):
                taken += self._take_of(topic, min(share, limit - len(taken)))
        self._number -= len(taken)
        return taken

    def _take_of(self, topic: str, limit: int) -> list[Arrival]:
        waiting = self._by_topic.get(topic)
        if waiting is None:
            return []
        taken = [waiting.popleft() for _ in range(min(limit, len(waiting)))]
        if not waiting:
            del self._by_topic[topic]
        return taken
