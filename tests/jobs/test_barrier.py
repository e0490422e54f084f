"""What the barrier waits for: fixed ends, of partitions that hold something."""

import threading
from collections.abc import Iterable

import pytest

from jobs.barrier import STEPS, Barrier
from runtime.kafka.offsets import Extent, Offsets, Partition
from runtime.retrying import Stopped
from schemas import groups, topics

RESOLVED = topics.EVENTS_RESOLVED
COMMANDS = topics.PROFILE_COMMANDS
WORKER, SINK = groups.WORKER.name, groups.SINK.name


class Load(Offsets):
    """A Kafka whose topics grow by a record with every question, read by groups that are always ten behind."""

    def __init__(self) -> None:
        self.now = 100
        self.queried: list[str] = []

    def partitions(self, names: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((name, partition) for name in names for partition in range(2))

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        positions = list(partitions)
        self.queried.append(" ".join(sorted({topic for topic, _ in positions})))
        self.now += 1
        return {(topic, partition): Extent(0, self.now + partition) for topic, partition in positions}

    def committed(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        self.now += 1
        read = {
            WORKER: (topics.IDENTITY_ROUTES, RESOLVED, COMMANDS),
            SINK: (RESOLVED, topics.SESSIONS, topics.EVENTS_REPEATED, topics.PROFILES, topics.IDENTITY_CHANGES),
        }
        return {position: self.now - 10 for position in partitions if position[0] in read[group]}


def test_it_ends_under_endless_load_and_looks_at_everything_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.barrier.POLL_S", 0.001)
    load = Load()
    first, second = Barrier(load, threading.Event()).cut()
    assert second == first + 1
    assert load.queried == [
        f"{topics.IDENTITY_ROUTES} {COMMANDS}",
        RESOLVED,
        *[COMMANDS] * STEPS,
        f"{topics.EVENTS_REPEATED} {topics.SESSIONS}",
    ]


def test_before_a_back_fill_the_sink_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.barrier.POLL_S", 0.001)
    load, asked = Load(), list[str]()
    committed = load.committed

    def noted(group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        of = list(partitions)
        if group == SINK:
            asked.append(" ".join(sorted({topic for topic, _ in of})))
        return committed(group, of)

    monkeypatch.setattr(load, "committed", noted)
    Barrier(load, threading.Event()).pass_routed()
    saying_whose = f"{topics.EVENTS_REPEATED} {topics.IDENTITY_CHANGES} {topics.PROFILES}"
    assert load.queried == [f"{topics.IDENTITY_ROUTES} {COMMANDS}", RESOLVED, *[COMMANDS] * STEPS, saying_whose]
    assert set(asked) == {" ".join(sorted([*saying_whose.split(), RESOLVED]))}


def test_whoever_keeps_pace_goes_on_when_few_records_are_left_to_read() -> None:
    load, targets = Load(), {(COMMANDS, 0): 200}
    Barrier(load, threading.Event(), poll_s=0).keep_pace({WORKER: targets}, 20)
    assert 200 - 20 <= load.now - 10 < 200


def test_nobody_keeps_pace_with_workers_that_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.barrier.PATIENCE_S", 0.01)
    monkeypatch.setattr(Load, "committed", lambda _self, _group, _partitions: {})
    Barrier(Load(), threading.Event(), poll_s=0.001).keep_pace({WORKER: {(COMMANDS, 0): 200}}, 20)


def test_the_cut_counts_emptied_partitions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Load, "extents", lambda _, positions: {position: Extent(7, 7) for position in positions})
    assert Barrier(Load(), threading.Event()).cut() == (7, 7)


def test_it_ends_when_the_process_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Load, "committed", lambda _self, _group, _partitions: {})
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopped):
        Barrier(Load(), stopping).cut()
