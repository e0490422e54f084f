"""The rebuilder as a process on a real Kafka, registry and ClickHouse; the worker's side is a stand-in."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from api.outcomes import outcome_of
from embedded.layout import free_ports
from embedded.stack import Stack
from jobs.failpoints import REBUILD
from schemas.codec import Codec
from schemas.records import Claim, Claimant, Event, Identifier, IdentityChange, Rebuild, Replay
from schemas.registry import Registry
from streams.fold import rebuild
from streams.fold.moment import Outputs
from tests.jobs.rebuild.refusing import refusing_clickhouse
from tests.jobs.rebuild.stand_in import (
    Installation,
    StandInWorker,
    event,
    rebuilder_process,
)
from tests.sinks.sink_process import running_sink
from tests.streams.fold.given import CONTEXT
from tests.support.kinds import one_is_enough
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.queries.retention import AgeLimit, note_retained_since

pytestmark = pytest.mark.stack

ADA = Identifier("user_id", "ada")
BOB = Identifier("user_id", "bob")
TABLET = Identifier("anonymous_id", "tablet")
ADAS, BOBS, TABLETS = (str(uuid.UUID(int=number, version=5)) for number in (1, 2, 3))
WHOLE = (Claim("user_id", "ada"),)
AHEAD = """
import time
right, right_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: right() + 600, lambda: right_ns() + 600_000_000_000
"""


@pytest.fixture(scope="module")
def kafka(stack: Stack) -> Installation:
    return Installation(stack)


@pytest.fixture(scope="module", autouse=True)
def sink(migrated: str, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    assert migrated
    with running_sink(stack, tmp_path_factory.mktemp("sink")) as process:
        yield process


@pytest.fixture
def worker(stack: Stack) -> Iterator[StandInWorker]:
    with StandInWorker(stack) as reading:
        yield reading


@pytest.fixture
def rebuilder(stack: Stack, tmp_path: Path) -> Iterator[ModuleProcess]:
    with rebuilder_process(stack, tmp_path) as process:
        process.wait_until_ready()
        yield process


def unmerged(workspace: str, decision: int, *claims: Claimant, request_id: str = "") -> IdentityChange:
    return IdentityChange(workspace, decision, "unmerged", 0, request_id=request_id, claimants=claims)


def check_attempt(chunks: list[Replay], decision: int, bodies: list[bytes]) -> None:
    """One attempt, whole and in order."""
    assert len({chunk.attempt for chunk in chunks}) == 1
    assert [chunk.chunk for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk.decision for chunk in chunks} == {decision}
    assert [body for chunk in chunks for body in chunk.events] == bodies


def test_an_unmerged_profile_gets_its_events_as_they_were_accepted_in_order_of_time(
    kafka: Installation, worker: StandInWorker, rebuilder: ModuleProcess, workspace: str
) -> None:
    adas = kafka.resolve([event(workspace, at, ADA, TABLET) for at in (5, 3, 9)], ADAS)
    bobs = kafka.resolve([event(workspace, at, BOB, TABLET) for at in (4, 8)], ADAS)
    early, late = kafka.resolve([event(workspace, at, TABLET) for at in (2, 7)], TABLETS)
    claims = (
        Claimant(ADAS, (Claim("user_id", "ada"), Claim("anonymous_id", "tablet", until=6))),
        Claimant(BOBS, (Claim("user_id", "bob"), Claim("anonymous_id", "tablet", since=6))),
        Claimant(TABLETS, ()),
    )
    kafka.decide(
        IdentityChange(workspace, 6, "merged", 0, retired=(BOBS,), profile_id=ADAS),
        unmerged(workspace, 7, *claims, request_id="r1"),
    )
    wait_until(lambda: bool(kafka.rebuilt(workspace)), "rebuilt")
    check_attempt(worker.replays(workspace, ADAS), 7, [early, adas[1], adas[0], adas[2]])
    check_attempt(worker.replays(workspace, BOBS), 7, [bobs[0], late, bobs[1]])
    check_attempt(worker.replays(workspace, TABLETS), 7, [])
    (rebuilt,) = kafka.rebuilt(workspace)
    assert (rebuilt.decision, rebuilt.request_id, rebuilt.events) == (7, "r1", 7)
    assert [(claimant.profile_id, claimant.claims) for claimant in rebuilt.claimants] == [
        (ADAS, ()),
        (BOBS, ()),
        (TABLETS, ()),
    ]
    assert 0 < rebuilt.milliseconds < 60_000
    wait_until(kafka.has_committed_everything, "the commit")
    metrics = rebuilder.metrics()
    assert 'onefold_rebuilder_changes_total{outcome="rebuilt"} 1.0' in metrics
    assert "onefold_rebuilder_profiles_total 3.0" in metrics
    assert "onefold_rebuilder_events_total 7.0" in metrics
    assert "onefold_rebuilder_changes_waiting 0.0" in metrics


@pytest.mark.usefixtures("rebuilder", "worker")
def test_what_is_rebuilt_says_that_older_events_were_dropped(
    kafka: Installation, warehouse: Warehouse, workspace: str
) -> None:
    for older in (1_772_409_600_000, 1_775_001_600_000):
        note_retained_since(warehouse, "events", [AgeLimit(workspace, older)])
    kafka.resolve([event(workspace, 1, ADA)], ADAS)
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, WHOLE)))
    wait_until(lambda: bool(kafka.rebuilt(workspace)), "rebuilt")
    (rebuilt,) = kafka.rebuilt(workspace)
    assert (rebuilt.events, rebuilt.reason) == (1, "retention:2026-04-01")
    assert outcome_of("r", [rebuilt]).dropped_before == "2026-04-01"


def test_claims_of_more_than_a_query_holds_are_queried_one_after_the_other(
    kafka: Installation, worker: StandInWorker, rebuilder: ModuleProcess, workspace: str
) -> None:
    devices = [Identifier("anonymous_id", f"{number:06}" + "\\" * 500) for number in range(9_000)]
    both = [event(workspace, at, devices[at], devices[-1 - at]) for at in range(0, 9, 2)]
    one = [event(workspace, at, devices[-at]) for at in range(1, 9, 2)]
    bodies = dict(zip((*range(0, 9, 2), *range(1, 9, 2)), kafka.resolve(both + one, ADAS), strict=True))
    claims = tuple(Claim(device.namespace, device.value) for device in devices)
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, claims)))
    wait_until(lambda: bool(kafka.rebuilt(workspace)), "rebuilt")
    check_attempt(worker.replays(workspace), 1, [body for _, body in sorted(bodies.items())])
    assert "retries_total{" not in rebuilder.metrics()


def test_of_changes_that_wait_together_the_later_decides_and_both_are_published(
    stack: Stack, kafka: Installation, worker: StandInWorker, tmp_path: Path, workspace: str
) -> None:
    kafka.decide(
        unmerged(workspace, 1, Claimant(ADAS, WHOLE), request_id="r1"),
        unmerged(workspace, 2, Claimant(ADAS, WHOLE), Claimant(BOBS, ()), request_id="r2"),
    )
    with rebuilder_process(stack, tmp_path) as rebuilder:
        wait_until(lambda: len(kafka.rebuilt(workspace)) == 2, "rebuilt")
        wait_until(kafka.has_committed_everything, "the commit")
        assert 'onefold_rebuilder_changes_total{outcome="superseded"} 1.0' in rebuilder.metrics()
    assert worker.replayed_profiles(workspace) == {ADAS, BOBS}
    assert {chunk.decision for chunk in worker.replays(workspace)} == {2}
    assert [(change.decision, change.request_id) for change in kafka.rebuilt(workspace)] == [(1, "r1"), (2, "r2")]


@pytest.mark.usefixtures("rebuilder")
def test_nothing_is_sent_before_the_worker_has_read_what_was_under_way(
    stack: Stack, kafka: Installation, workspace: str
) -> None:
    with StandInWorker(stack):
        pass  # from here on the group stands still
    kafka.resolve([event(workspace, 1, ADA)], ADAS)
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, ())))
    time.sleep(1.5)
    assert kafka.rebuilt(workspace) == []
    with StandInWorker(stack):
        wait_until(lambda: bool(kafka.rebuilt(workspace)), "rebuilt")


@pytest.mark.parametrize("failpoint", one_is_enough(reversed(REBUILD)))
def test_killed_anywhere_the_next_one_does_all_of_it_again(  # noqa: PLR0913, PLR0917 - fixtures
    stack: Stack, kafka: Installation, worker: StandInWorker, tmp_path: Path, workspace: str, failpoint: str
) -> None:
    bodies = kafka.resolve([event(workspace, at, ADA) for at in range(2_500)], ADAS)
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, WHOLE), request_id="r"))
    with rebuilder_process(
        stack, tmp_path, ONEFOLD_FAILPOINT=f"{failpoint}:{2 if failpoint == 'between_chunks' else 1}"
    ) as rebuilder:
        assert rebuilder.wait() == -signal.SIGKILL
        assert not kafka.has_committed_everything()
        rebuilder.launch(ONEFOLD_FAILPOINT="")
        wait_until(kafka.has_committed_everything, "the commit")
    chunks = worker.replays(workspace)
    check_attempt([chunk for chunk in chunks if chunk.attempt == chunks[-1].attempt], 1, bodies)
    assert {(change.decision, change.request_id, change.events) for change in kafka.rebuilt(workspace)} == {
        (1, "r", 2_500)
    }


def test_the_attempt_of_a_successor_counts_whatever_the_clock_of_the_former_said(
    stack: Stack, kafka: Installation, worker: StandInWorker, tmp_path: Path, workspace: str
) -> None:
    bodies = kafka.resolve([event(workspace, at, ADA) for at in range(2_500)], ADAS)
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, WHOLE)))
    (tmp_path / "sitecustomize.py").write_text(AHEAD)
    ahead = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    with rebuilder_process(stack, tmp_path, PYTHONPATH=ahead, ONEFOLD_FAILPOINT="between_chunks:2") as rebuilder:
        assert rebuilder.wait() == -signal.SIGKILL
        rebuilder.launch(PYTHONPATH="", ONEFOLD_FAILPOINT="")
        wait_until(kafka.has_committed_everything, "the commit")
    chunks = worker.replays(workspace)
    first, second = dict.fromkeys(chunk.attempt for chunk in chunks)
    check_attempt([chunk for chunk in chunks if chunk.attempt == second], 1, bodies)

    codec = Codec(Registry(stack.settings.registry))
    waiting = rebuild.begin(None, Rebuild(1, identifiers=(ADA,)), 0, Outputs())
    assert waiting is not None
    taken = []
    for chunk in chunks:
        if chunk.chunk == 0:
            rebuild.begin_attempt(waiting, chunk.attempt, chunk.version)
        if rebuild.is_next(waiting, chunk.attempt, chunk.chunk):
            events = [codec.decode(Event, event) for event in chunk.events]
            assert all(
                is_folded for _, is_folded in rebuild.replay(waiting, events, lambda _: False, CONTEXT, Outputs())
            )
            taken.append((chunk.attempt, chunk.chunk))
    assert [number for attempt, number in taken if attempt == second] == [0, 1, 2]
    assert first < second


def test_of_a_profile_whose_replay_cannot_be_taken_no_rebuilt_is_published(
    kafka: Installation, worker: StandInWorker, rebuilder: ModuleProcess, workspace: str
) -> None:
    kafka.resolve([event(workspace, at, ADA) for at in range(1_500)], ADAS)
    worker.refuses = ADAS
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, WHOLE)), unmerged(workspace, 2, Claimant(BOBS, ())))
    wait_until(lambda: bool(kafka.rebuilt(workspace)), "rebuilt")
    wait_until(kafka.has_committed_everything, "the commit")
    assert [change.decision for change in kafka.rebuilt(workspace)] == [2]
    errors = [line for line in rebuilder.output.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert f"profile {ADAS} of workspace '{workspace}' still waits for the replay of decision 1" in errors[0]
    metrics = rebuilder.metrics()
    assert "onefold_rebuilder_profiles_refused_total 1.0" in metrics
    assert 'onefold_rebuilder_changes_total{outcome="refused"} 1.0' in metrics

    worker.refuses = ""
    kafka.decide(unmerged(workspace, 3, Claimant(ADAS, WHOLE)))
    wait_until(lambda: len(kafka.rebuilt(workspace)) == 2, "rebuilt")


def test_it_ends_in_time_whatever_it_waits_for(
    stack: Stack, kafka: Installation, tmp_path: Path, workspace: str
) -> None:
    kafka.resolve([event(workspace, 1, ADA)], ADAS)  # which no worker reads
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, WHOLE)))
    with rebuilder_process(stack, tmp_path) as rebuilder:
        wait_until(lambda: rebuilder.is_ready() and "changes_waiting 1.0" in rebuilder.metrics(), "a change")
        assert rebuilder.terminate(within_s=2.5) == 0
        assert "Traceback" not in rebuilder.output
    with StandInWorker(stack), rebuilder_process(stack, tmp_path):
        wait_until(kafka.has_committed_everything, "the commit")


@pytest.mark.usefixtures("worker")
def test_it_waits_for_a_clickhouse_that_is_away(
    stack: Stack, kafka: Installation, tmp_path: Path, workspace: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    kafka.decide(unmerged(workspace, 1, Claimant(ADAS, WHOLE)))
    with rebuilder_process(stack, tmp_path, ONEFOLD_CLICKHOUSE=nowhere) as rebuilder:
        rebuilder.wait_for_output("trying again until it works")
        wait_until(lambda: 'retries_total{step="replay"}' in rebuilder.metrics(), "a retry")
        assert not rebuilder.is_ready()
        assert kafka.rebuilt(workspace) == []
        assert rebuilder.terminate(within_s=2.5) == 0
        assert rebuilder.output.count("trying again until it works") == 1
    with rebuilder_process(stack, tmp_path):
        wait_until(lambda: bool(kafka.rebuilt(workspace)), "rebuilt")


def test_who_is_refused_waits_alone_and_is_rebuilt_by_the_next_process(
    stack: Stack, kafka: Installation, worker: StandInWorker, tmp_path: Path, workspace: str
) -> None:
    bodies = kafka.resolve([event(workspace, at, ADA) for at in range(3)], ADAS)
    kafka.decide(
        unmerged(workspace, 1, Claimant(ADAS, WHOLE), request_id="r"),
        unmerged(workspace, 2, Claimant(BOBS, (Claim("user_id", "bob"),))),
    )
    # Only queries of the events of a person name one of her identifiers so.
    with (
        refusing_clickhouse(stack.environment["ONEFOLD_CLICKHOUSE"], refused="'ada'") as clickhouse,
        rebuilder_process(stack, tmp_path, ONEFOLD_CLICKHOUSE=clickhouse.url) as rebuilder,
    ):
        wait_until(lambda: bool(kafka.rebuilt(workspace)), "the other one to be rebuilt")
        wait_until(lambda: "onefold_rebuilder_changes_postponed 1.0" in rebuilder.metrics(), "the postponed one")
        kafka.decide(unmerged(workspace, 3, Claimant(TABLETS, ())))
        wait_until(lambda: len(kafka.rebuilt(workspace)) == 2, "a later one to be rebuilt")
        assert rebuilder.is_ready()
        assert not kafka.has_committed_everything()
        errors = [line for line in rebuilder.output.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert f"profile {ADAS} of workspace '{workspace}'" in errors[0]
    assert "code 70: Unexpected inf" in errors[0]
    assert {change.decision for change in kafka.rebuilt(workspace)} == {2, 3}
    with rebuilder_process(stack, tmp_path):
        wait_until(kafka.has_committed_everything, "the commit")
    check_attempt(worker.replays(workspace, ADAS), 1, bodies)
    assert {change.decision for change in kafka.rebuilt(workspace)} == {1, 2, 3}


def test_what_is_no_change_is_left_out_and_counted(kafka: Installation, rebuilder: ModuleProcess) -> None:
    kafka.send_bytes(b"\x01broken")
    wait_until(kafka.has_committed_everything, "the commit")
    assert "onefold_rebuilder_undecodable_total 1.0" in rebuilder.metrics()


def test_it_is_small_and_starts_at_once(stack: Stack, tmp_path: Path) -> None:
    started = time.monotonic()
    with rebuilder_process(stack, tmp_path) as rebuilder:
        rebuilder.wait_for_output("reading")
        assert time.monotonic() - started < 10
        assert psutil.Process(rebuilder.pid).memory_info().rss < 140_000_000  # with what back-fills need
