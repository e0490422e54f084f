"""What a rebuild waits for, what it reads of the past and what it says; the world around it notes what it is asked."""

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence

import pytest

from jobs.barrier import Barrier
from jobs.rebuild.rebuild import Rebuilder
from runtime.errors import TransientError
from runtime.kafka.deliveries import RecordPosition
from runtime.kafka.offsets import Extent, Partition
from schemas import topics
from schemas.records import Claim, Claimant, IdentityChange, Replay
from warehouse.queries.past_events import PastEvent, Published

REPEATED = f"{topics.EVENTS_REPEATED} {topics.SESSIONS}"
DAY_MS = 86_400_000


class Surroundings:
    """Kafka, of which everything is read, and a past whose first page breaks off.

    `drops_at`: with which page retention drops what is older than a day.
    """

    def __init__(self, drops_at: int = 0) -> None:
        self.asked: list[str] = []
        self._drops_at = drops_at

    def partitions(self, names: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((name, 0) for name in sorted(names))

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        self.asked.append(" ".join(topic for topic, _ in partitions))
        return {partition: Extent(0, 5) for partition in partitions}

    def committed(self, _group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 5)

    def page(
        self, _workspace: str, _values: Sequence[str], _cut: Sequence[int], _after: PastEvent | None
    ) -> Iterator[PastEvent]:
        self.asked.append("page")
        if self.asked.count("page") == 1:
            raise TransientError("the page breaks off")
        yield from ()

    def published(self, _workspace: str, _profile_ids: Sequence[str]) -> Published:
        return Published((), 0)

    def events_since(self, _workspace: str) -> int | None:
        return DAY_MS if 0 < self._drops_at <= self.asked.count("page") else None

    def send(self, _workspace: str, _profile_id: str, replays: Iterable[Replay]) -> tuple[RecordPosition, ...]:
        return tuple(RecordPosition(0, number) for number, _ in enumerate(replays))

    def watch_refusals(self) -> None:
        pass

    def refused(self, _positions: Iterable[RecordPosition]) -> frozenset[RecordPosition]:
        return frozenset()


def rebuilt_amid(around: Surroundings) -> IdentityChange:
    """What is published of Ada, who is rebuilt."""
    stopping = threading.Event()
    barrier = Barrier(around, stopping, poll_s=0)
    rebuilder = Rebuilder(around, around, barrier, {"main": uuid.UUID(int=1)}, stopping)
    claimant = Claimant(str(uuid.UUID(int=1, version=5)), (Claim("user_id", "ada"),))
    change = IdentityChange("main", 3, "unmerged", 0, claimants=(claimant,))
    (rebuilt,) = rebuilder.rebuild([change], fencing_token=1)
    return rebuilt


@pytest.mark.timeout(60)
def test_a_second_attempt_reads_the_past_once_all_that_the_first_one_led_to_is_in_the_warehouse() -> None:
    around = Surroundings()
    assert rebuilt_amid(around).kind == "rebuilt"
    first = around.asked.index("page")
    assert around.asked[first - 1 :] == [REPEATED, "page", topics.PROFILE_COMMANDS, REPEATED, "page"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("drops_at", "reason"), [(0, ""), (1, "retention:1970-01-02"), (2, "retention:1970-01-02")])
def test_what_retention_drops_while_events_are_read_is_said(drops_at: int, reason: str) -> None:
    assert rebuilt_amid(Surroundings(drops_at)).reason == reason
