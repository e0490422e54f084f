"""What a rebuild waits for, what it reads of the past and what it says; the world around it notes what it is asked."""

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence

import pytest

from jobs.barrier import Barrier
from jobs.rebuild.rebuild import Rebuilder
from runtime.errors import OnefoldError, TerminalError, TransientError
from runtime.kafka.deliveries import RecordPosition
from runtime.kafka.offsets import Extent, Partition
from schemas import topics
from schemas.records import Claim, Claimant, IdentityChange, Replay
from warehouse.errors import QueryTooLargeError
from warehouse.queries.past_events import PastEvent, PublishedSessions

REPEATED = f"{topics.EVENTS_REPEATED} {topics.SESSIONS}"
DAY_MS = 86_400_000
PROFILES = {name: str(uuid.UUID(int=number, version=5)) for number, name in enumerate(("ada", "bob", "eve"), start=1)}


class Surroundings:
    """Kafka, of which everything is read, and a past whose first page breaks off.

    `drops_at`: with which page retention drops what is older than a day. `refuses`: identifier -> how it is refused.
    """

    def __init__(self, drops_at: int = 0) -> None:
        self.asked: list[str] = []
        self.sent: list[str] = []
        self.refuses: dict[str, OnefoldError] = {}
        self._drops_at = drops_at

    def partitions(self, names: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((name, 0) for name in sorted(names))

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        self.asked.append(" ".join(topic for topic, _ in partitions))
        return {partition: Extent(0, 5) for partition in partitions}

    def committed(self, _group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 5)

    def page(
        self, _workspace: str, values: Sequence[str], _cut: Sequence[int], _after: PastEvent | None
    ) -> Iterator[PastEvent]:
        self.asked.append("page")
        for value in values:
            if value in self.refuses:
                raise self.refuses[value]
        if self.asked.count("page") == 1:
            raise TransientError("the page breaks off")
        yield from ()

    def published(self, _workspace: str, _profile_ids: Sequence[str]) -> PublishedSessions:
        return PublishedSessions((), 0)

    def events_since(self, _workspace: str) -> int | None:
        return DAY_MS if 0 < self._drops_at <= self.asked.count("page") else None

    def send(self, _workspace: str, profile_id: str, replays: Iterable[Replay]) -> tuple[RecordPosition, ...]:
        positions = tuple(RecordPosition(0, number) for number, _ in enumerate(replays))
        self.sent.append(profile_id)
        return positions

    def watch_refusals(self) -> None:
        pass

    def refused(self, _positions: Iterable[RecordPosition]) -> frozenset[RecordPosition]:
        return frozenset()


def rebuilder_amid(around: Surroundings) -> Rebuilder:
    stopping = threading.Event()
    return Rebuilder(around, around, Barrier(around, stopping, poll_s=0), {"main": uuid.UUID(int=1)}, stopping)


def unmerged(decision: int, *names: str) -> IdentityChange:
    """A change after which each of these persons is to be rebuilt."""
    claimants = tuple(Claimant(PROFILES[name], (Claim("user_id", name),)) for name in names)
    return IdentityChange("main", decision, "unmerged", 0, claimants=claimants)


def rebuilt_amid(around: Surroundings) -> IdentityChange:
    """What is published of Ada, who is rebuilt."""
    ((rebuilt,), _) = rebuilder_amid(around).rebuild([unmerged(3, "ada")], fencing_token=1)
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


REFUSALS = (TerminalError("code 70: Unexpected inf"), QueryTooLargeError("no room for it"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("refusal", REFUSALS, ids=["refused", "too large"])
def test_a_past_that_is_refused_postpones_its_changes_and_nothing_else(
    refusal: OnefoldError, caplog: pytest.LogCaptureFixture
) -> None:
    around = Surroundings()
    around.refuses = {"ada": refusal, "eve": refusal}
    changes = [unmerged(1, "ada", "bob"), unmerged(2, "bob"), unmerged(3, "eve")]
    outcome = rebuilder_amid(around).rebuild(changes, fencing_token=1)
    assert [change.decision for change in outcome.rebuilt] == [2]
    assert outcome.postponed == (changes[0], changes[2])
    assert around.sent == [PROFILES["bob"]]
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said.startswith("2 profiles wait for their rebuild, and are tried again in a minute; profile ")
    assert str(refusal) in said


@pytest.mark.timeout(60)
def test_what_was_postponed_is_rebuilt_once_it_is_answered() -> None:
    around, change = Surroundings(), unmerged(1, "ada")
    around.refuses = {"ada": REFUSALS[0]}
    rebuilder = rebuilder_amid(around)
    assert rebuilder.rebuild([change], fencing_token=1).postponed == (change,)
    around.refuses.clear()
    (rebuilt,), postponed = rebuilder.rebuild([change], fencing_token=1)
    assert (rebuilt.decision, postponed) == (1, ())


@pytest.mark.timeout(60)
def test_what_kafka_refuses_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(_workspace: str, _profile_id: str, _replays: Iterable[Replay]) -> tuple[RecordPosition, ...]:
        raise TerminalError("not authorized")

    around = Surroundings()
    monkeypatch.setattr(around, "send", send)
    with pytest.raises(TerminalError, match="not authorized"):
        rebuilt_amid(around)
