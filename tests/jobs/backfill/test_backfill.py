"""What a back-fill says of itself where something goes wrong."""

import threading
from collections.abc import Iterable, Iterator, Mapping

import pytest
from prometheus_client import generate_latest

from definitions.model import Call, Definitions, EventCount, EventMatcher, Segment, Window
from definitions.sets import BackfillAttempt, BackfillProgress, Completion, Publication, Stamping, next_set
from definitions.sets.publication import attempt_record, completion_record, progress_record, set_record, stamping_record
from jobs.backfill.attempts import begun, ended
from jobs.backfill.backfill import Backfill
from jobs.backfill.protocols import AddressedSeed, RefusedSeeds, Wanted
from jobs.backfill.seeds import MAX_BYTES
from jobs.barrier import Barrier
from jobs.refusals import AGAIN_AFTER_S
from runtime.errors import OnefoldError, TerminalError
from runtime.kafka.offsets import Extent, Partition
from warehouse.errors import QueryTooLargeError

OWNERS = Segment("owners", EventCount(EventMatcher((Call("track", "Own"),)), Window(86_400_000)))
BUYERS = Segment("buyers", EventCount(EventMatcher((Call("track", "Buy"),)), Window(86_400_000)))
ANN = "6a1f6f0c-0000-5000-8000-000000000001"


class Around:
    """Everything around a back-fill: one profile has a past, and all is read at once.

    `state`: what every accumulator has of her. `refuses`: the seeds that PROFILE refuses. `successor`: another process
    begins when seeds are sent. `cannot_say`: of which workspaces ClickHouse refuses which question. `asked`: of which
    workspaces states were asked for.
    """

    def __init__(self) -> None:
        self.refuses, self.successor = RefusedSeeds(), False
        self.state = b""
        self.cannot_say: dict[str, str] = {}
        self.refusal: type[OnefoldError] = TerminalError
        self.asked: list[str] = []
        self.publication = Publication()
        self.apply(BUYERS)
        stopping = threading.Event()
        self.backfill = Backfill(self, self, self, Barrier(self, stopping, poll_s=0), 1, stopping)

    def apply(self, *segments: Segment) -> None:
        newest = next_set(self.publication.newest, Definitions(segments), {}, 0, "")
        self.publication = self.publication.with_record(*set_record(newest))
        self.publication = self.publication.with_record(*stamping_record(0, Stamping(newest.version, 0)))

    def run(self, *workspaces: str) -> None:
        self.backfill.run(dict.fromkeys(workspaces or ("main",), 0), fencing_token=7)

    def states(self, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        self.asked.append(wanted.workspace)
        yield ANN, dict.fromkeys((accumulator.id for accumulator in wanted.accumulators), self.state)
        self.refuse(wanted.workspace, "states")

    def decided(self, workspace: str, position: int) -> int:  # noqa: ARG002 - nothing was decided
        self.refuse(workspace, "decided")
        return 0

    def refuse(self, workspace: str, question: str) -> None:
        if self.cannot_say.get(workspace) == question:
            raise self.refusal("refuses with code 70: Unexpected inf")

    def begin(self) -> None:
        pass

    def send(self, seeds: Iterable[AddressedSeed]) -> Iterator[int]:
        yield len(list(seeds))
        if self.successor:
            self.begin_attempt("main", 8, None)

    def ends(self) -> Mapping[Partition, int]:
        return {}

    def refused(self, attempt: str) -> RefusedSeeds:  # noqa: ARG002 - of any
        return self.refuses

    def read(self) -> Publication:
        return self.publication

    def begin_attempt(self, workspace: str, token: int, begun_after: Completion | None) -> BackfillAttempt:
        attempt = begun(self.publication, workspace, token, begun_after)
        self.publication = self.publication.with_record(*attempt_record(workspace, attempt))
        return attempt

    def complete(self, workspace: str, attempt: BackfillAttempt, completion: Completion) -> None:
        record = completion_record(workspace, ended(self.publication, workspace, attempt, completion))
        self.publication = self.publication.with_record(*record)

    def progress(self, workspace: str, progress: BackfillProgress) -> None:
        self.publication = self.publication.with_record(*progress_record(workspace, progress))

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((topic, 0) for topic in topics)

    def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:
        return {partition: Extent(0, 0) for partition in partitions}

    def committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:  # noqa: ARG002
        return dict.fromkeys(partitions, 0)


@pytest.fixture
def around() -> Around:
    return Around()


def test_a_back_fill_ends_with_its_attempt_complete(around: Around) -> None:
    around.run()
    completion = around.publication.completions["main"]
    assert (completion.version, completion.profiles) == (1, 1)
    assert completion.attempts == (around.publication.attempts["main"].name,)


def test_who_waits_hears_how_many_seeds_were_refused_and_where_they_are(around: Around) -> None:
    around.refuses = RefusedSeeds(others=3)
    around.run()
    assert "main" not in around.publication.completions
    said = around.publication.progress["main"].text
    assert "3" in said
    assert "events.dead" in said


def test_whom_a_record_does_not_hold_is_left_out_and_all_others_are_complete(
    around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    around.state = bytes(MAX_BYTES + 1)
    around.run()
    assert around.publication.completions["main"].left_out == (ANN,)
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert ANN in said
    assert 'onefold_backfill_profiles_left_out_total{workspace="main"} 1.0' in generate_latest().decode()


def test_for_whom_it_is_too_much_by_the_word_of_profile_is_left_out_as_well(around: Around) -> None:
    around.refuses = RefusedSeeds(frozenset({ANN}))
    around.run("other")
    assert around.publication.completions["other"].left_out == (ANN,)


def test_a_process_that_was_replaced_meanwhile_completes_nothing_and_goes_on(around: Around) -> None:
    around.successor = True
    around.run()
    assert "main" not in around.publication.completions


@pytest.mark.parametrize("question", ["states", "decided"])
@pytest.mark.parametrize("refusal", [TerminalError, QueryTooLargeError])
def test_a_query_that_clickhouse_refuses_is_said_and_keeps_no_other_workspace_waiting(
    around: Around, question: str, refusal: type[OnefoldError]
) -> None:
    around.cannot_say, around.refusal = {"main": question}, refusal
    around.run("main", "other")
    assert around.publication.completions.keys() == {"other"}
    said = around.publication.progress["main"].text
    assert "code 70: Unexpected inf" in said
    assert "trying again in a minute" in said
    assert generate_latest().decode().count('onefold_backfills_postponed_total{reason="query",workspace="main"}') == 1


def test_a_workspace_in_which_profiles_are_to_be_rebuilt_waits_alone_and_says_so(around: Around) -> None:
    around.backfill.run({"main": 0, "other": 0}, fencing_token=7, rebuilding={"main"})
    assert around.asked == ["other"]
    assert around.publication.completions.keys() == {"other"}
    said = around.publication.progress["main"].text
    assert said == "profiles are to be rebuilt first; trying again in a minute"
    assert 'onefold_backfills_postponed_total{reason="rebuild",workspace="main"} 1.0' in generate_latest().decode()


def test_a_query_that_clickhouse_refuses_runs_again_after_a_minute(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("jobs.backfill.backfill.time.monotonic", lambda: now[0])
    around.cannot_say = {"main": "states"}
    for _ in range(3):
        around.run()
    assert around.asked == ["main"]
    around.cannot_say.clear()
    now[0] += AGAIN_AFTER_S
    around.run()
    assert around.publication.completions["main"].version == 1


def test_other_definitions_are_back_filled_at_once(around: Around) -> None:
    around.cannot_say = {"main": "states"}
    around.run()
    around.cannot_say.clear()
    around.apply(OWNERS)
    around.run()
    assert around.publication.completions["main"].version == 2


def test_what_kafka_refuses_ends_the_process(around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(seeds: Iterable[AddressedSeed]) -> Iterator[int]:
        yield len(list(seeds))
        raise TerminalError("not authorized")

    monkeypatch.setattr(around, "send", send)
    with pytest.raises(TerminalError, match="not authorized"):
        around.run()
