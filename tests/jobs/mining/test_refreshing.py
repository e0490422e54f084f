"""What a refresh asks, sends and says, and what it does where something goes wrong."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
import pytest

from definitions.model import Definitions, Mining, Trait
from definitions.sets import Publication, Stamping, next_set
from definitions.sets.publication import set_record, stamping_record
from definitions.sets.refreshes import Refresh, refresh_record
from jobs.barrier import Barrier
from jobs.mining.attempts import begun, ended
from jobs.mining.refreshing import Refresher
from runtime.errors import OnefoldError, TerminalError, TransientError, UnreachableError
from runtime.kafka.offsets import Extent, Partition
from runtime.retrying import Stopped
from schemas.records import Mine, ProfileCommand
from warehouse.queries.mining import Compared, MinedQuery

HOUR = 3_600_000
NOW = 1_800_000_000_000
ANN, BEN = "6a1f6f0c-0000-5000-8000-000000000001", "6a1f6f0c-0000-5000-8000-000000000002"
RISK = Trait("risk", Mining("SELECT risk", HOUR))
RANK = Trait("rank", Mining("SELECT rank", HOUR), kind="device")
FOUND = Compared({ANN: "0.5", BEN: None}, Counter(changed=1, lost=1, same=4, unknown=2, misfits=3))


class Around:
    """Everything around a refresh: what queries find, what is sent, and what the topic says; all is read at once.

    `raises`: what the query raises behind its first block. `meanwhile`: called with each block that is sent.
    """

    def __init__(self, *traits: Trait) -> None:
        self.now, self.token = NOW, 7
        self.raises: OnefoldError | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked: list[MinedQuery] = []
        self.sent: list[ProfileCommand] = []
        self.publication = Publication()
        self.stopping = threading.Event()
        self.apply(*traits)

    def apply(self, *traits: Trait) -> None:
        new = next_set(self.publication.newest, Definitions(traits=traits), {}, 0, "")
        self.publication = self.publication.with_record(*set_record(new))
        self.publication = self.publication.with_record(*stamping_record(0, Stamping(new.version, 1)))

    def run(self, workspaces: tuple[str, ...] = ("main",)) -> None:
        barrier = Barrier(self, self.stopping, poll_s=0)
        Refresher(self, self, self, barrier, 1, self.stopping, lambda: self.now).run(workspaces, self.token)

    @property
    def last(self) -> Refresh:
        return self.publication.refreshes["main|risk"]

    def compare(self, query: MinedQuery) -> Iterator[Compared]:
        self.asked.append(query)
        yield FOUND
        if self.raises is not None:
            raise self.raises

    def send(self, commands: Iterable[ProfileCommand]) -> None:
        self.sent += commands
        self.meanwhile()

    def ends(self) -> Mapping[Partition, int]:
        return {}

    def read(self) -> Publication:
        return self.publication

    def begin(self, workspace: str, trait: str, refresh: Refresh) -> Refresh:
        following = begun(self.publication, workspace, trait, refresh)
        self.publication = self.publication.with_record(*refresh_record(workspace, trait, following))
        return following

    def end(self, workspace: str, trait: str, refresh: Refresh) -> None:
        record = refresh_record(workspace, trait, ended(self.publication, workspace, trait, refresh))
        self.publication = self.publication.with_record(*record)

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((topic, 0) for topic in topics)

    def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:
        return {partition: Extent(0, 0) for partition in partitions}

    def committed(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:  # noqa: ARG002
        return dict.fromkeys(partitions, 0)


def test_what_is_different_is_sent_and_what_came_of_it_is_said() -> None:
    around = Around(RISK)
    around.run()
    assert around.asked == [MinedQuery("main", "person", "risk", "SELECT risk", is_new=True)]
    assert around.sent == [
        ProfileCommand.of("main", ANN, Mine("risk", "0.5", ANN, NOW, 1, 1, is_new=True)),
        ProfileCommand.of("main", BEN, Mine("risk", None, BEN, NOW, 1, 1, is_new=True)),
    ]
    assert around.last == Refresh(
        7, 1, 1, NOW, NOW, found=5, changed=1, lost=1, unknown=2, misfits=3, succeeded_by=1, succeeded_at=NOW
    )


def test_it_runs_when_it_is_due_and_no_more_often() -> None:
    around = Around(RISK)
    for now in (NOW, NOW + HOUR - 1, NOW + HOUR):
        around.now = now
        around.run()
    assert [asked.is_new for asked in around.asked] == [True, False]
    assert [command.mine.is_new for command in around.sent if command.mine] == [True, True, False, False]


def test_one_trait_of_each_workspace_has_its_turn() -> None:
    around = Around(RISK, RANK)
    around.run(("main", "other"))
    assert [(asked.workspace, asked.trait) for asked in around.asked] == [("main", "risk"), ("other", "risk")]
    around.run(("main", "other"))
    assert [(asked.trait, asked.kind) for asked in around.asked[2:]] == [("rank", "device")] * 2


def test_a_query_that_fails_says_why_and_has_its_next_turn() -> None:
    around = Around(RISK)
    around.run()
    around.raises, around.now = TerminalError("Unknown table scores"), NOW + HOUR
    around.run()
    assert around.last.error == "Unknown table scores"
    assert (around.last.succeeded_by, around.last.succeeded_at) == (1, NOW), "the values of then stay"
    around.now += HOUR - 1
    around.run()
    assert len(around.asked) == 2
    around.raises, around.now = None, around.now + 1
    around.run()
    assert around.last.error == ""
    assert len(around.asked) == 3


@pytest.mark.parametrize("error", [TransientError("too much memory"), TerminalError("no such table")])
def test_nothing_waits_for_a_query_that_cannot_run(error: OnefoldError) -> None:
    around = Around(RISK)
    around.raises = error
    around.run()
    assert not around.last.is_soon_again
    assert around.last.ended_at


def test_if_nobody_answers_it_runs_soon_again() -> None:
    around = Around(RISK)
    around.raises = UnreachableError("nobody there")
    around.run()
    around.now += 60_000
    around.run()
    assert len(around.asked) == 2


def test_a_changed_query_says_so_and_sends_differences_alone() -> None:
    around = Around(RISK)
    around.run()
    around.apply(msgspec.structs.replace(RISK, value=Mining("SELECT other", HOUR)))
    around.run()
    assert [(asked.query, asked.is_new) for asked in around.asked[1:]] == [("SELECT other", False)]
    assert around.sent[-1].mine is not None
    assert around.sent[-1].mine.is_new


def test_a_process_that_was_replaced_meanwhile_says_nothing() -> None:
    around = Around(RISK)

    def successor() -> None:
        around.begin("main", "risk", Refresh(8, 0, 1, NOW + 1))

    around.meanwhile = successor
    around.run()
    assert (around.last.token, around.last.ended_at) == (8, 0)
    around.meanwhile = lambda: None
    around.run()
    assert around.last.token == 8, "one that came before does not even begin"
    assert len(around.asked) == 1


def test_a_process_that_stops_leaves_it_to_be_begun_anew() -> None:
    around = Around(RISK)
    around.meanwhile = around.stopping.set
    with pytest.raises(Stopped):
        around.run()
    assert not around.last.ended_at
    around.stopping, around.meanwhile = threading.Event(), lambda: None
    around.run()
    assert [asked.is_new for asked in around.asked] == [True, True]


def test_kafka_that_is_away_has_everything_sent_anew() -> None:
    around = Around(RISK)
    failures = [TransientError("away")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    around.meanwhile = fail_once
    around.run()
    assert (len(around.asked), len(around.sent)) == (2, 4)
    assert around.last.changed == 1
