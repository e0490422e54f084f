"""What `onefold apply` refuses, as a rollback does, and what `--wait` waits for."""

from contextlib import nullcontext

import click
import msgspec
import pytest

from definitions.destinations import Destination
from definitions.model import Call, Definitions, EventCount, EventMatcher, Segment, TraitComparison, Window
from definitions.sets import BackfillProgress, Completion, Publication, Stamping, next_set
from definitions.sets.folder import Draft
from definitions.sets.publication import (
    completion_record,
    progress_record,
    set_record,
    stamping_record,
    walked_record,
)
from onefold.commands.apply import going_on, refuse_unwanted, waiting_for
from onefold.commands.definition_sets import status_of
from onefold.definition_plan import MOST_STATE_BYTES, Cost, DefinitionPlan, PlanFigures, QueryTrial, planned
from runtime.kafka.clients import MAX_RECORD_BYTES
from settings import Settings, new_workspace

PROS = Segment("pros", TraitComparison(("plan",), ()))
BUYERS = Segment("buyers", EventCount(EventMatcher((Call("track", "Buy"),)), Window(86_400_000)))
PARTITIONS = 2
SETTINGS = Settings(partitions=PARTITIONS, workspaces={"main": new_workspace("main", "event", ["web"])})


class Topic:
    """What is said on `definitions`, of two versions."""

    def __init__(self, *second: Segment) -> None:
        self.publication = Publication()
        for segments in ((PROS,), second):
            new = next_set(self.publication.newest, Definitions(segments), {}, 0, "")
            self.hear(set_record(new))
        self.stamp(0, 1)

    def hear(self, *records: tuple[bytes, bytes]) -> None:
        for record in records:
            self.publication = self.publication.with_record(*record)

    def stamp(self, *partitions: int) -> None:
        self.hear(*(stamping_record(each, Stamping(2, 1)) for each in partitions))

    def walk(self, partition: int, version: int) -> None:
        self.hear(walked_record(partition, {"main": version}))

    @property
    def waiting(self) -> str:
        return waiting_for(self.publication, 2, ["main"], PARTITIONS)

    @property
    def in_effect(self) -> tuple[int, str]:
        """Which version the status says is in effect, and what is under way."""
        (status,) = status_of(self.publication, SETTINGS).workspaces
        return status.in_effect, status.under_way


@pytest.fixture
def edited() -> Topic:
    """An edit that needs nothing of the past."""
    return Topic(PROS, Segment("others", TraitComparison(("plan",), ())))


def test_everybody_is_evaluated_by_a_version_once_every_partition_has_said_so(edited: Topic) -> None:
    said, in_effect = [edited.waiting], [edited.in_effect]
    for partition, version in ((0, 1), (1, 1), (0, 2), (1, 2)):
        edited.walk(partition, version)
        said.append(edited.waiting)
        in_effect.append(edited.in_effect)
    assert said == [*["evaluating everybody in main"] * 4, ""]
    assert in_effect == [
        *[(0, "version 2: evaluating everybody in main")] * 2,
        *[(1, "version 2: evaluating everybody in main")] * 2,
        (2, ""),
    ]


def test_a_later_version_will_do(edited: Topic) -> None:
    for partition in range(PARTITIONS):
        edited.walk(partition, 3)
    assert edited.waiting == ""


def test_an_edit_that_no_worker_has_read_is_not_in_effect() -> None:
    topic = Topic(PROS)
    topic.hear(stamping_record(0, Stamping(1, 1)))
    assert topic.waiting == "waiting for the workers to take it over"


def test_the_progress_of_an_earlier_version_is_not_shown() -> None:
    topic = Topic(PROS, BUYERS)
    topic.hear(progress_record("main", BackfillProgress(1, "computing states")))
    assert topic.waiting == "computing the past of main: waiting for the rebuilder"
    topic.hear(progress_record("main", BackfillProgress(2, "computing states", profiles=3)))
    assert topic.waiting == "computing the past of main: computing states, 3 profiles so far"
    topic.hear(progress_record("main", BackfillProgress(2, "computing states", profiles=1)))
    assert topic.waiting == "computing the past of main: computing states, 1 profile so far"
    topic.hear(completion_record("main", Completion(2)))
    assert topic.waiting == "evaluating everybody in main"


@pytest.mark.parametrize(
    ("is_new", "yes", "refuses"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_version_beyond_the_budget_is_applied_if_that_is_wanted(is_new: bool, yes: bool, refuses: bool) -> None:
    made = DefinitionPlan(3, (), is_new, cost=Cost(state_bytes=MOST_STATE_BYTES + 1))
    with pytest.raises(click.ClickException, match="--yes") if refuses else nullcontext():
        refuse_unwanted(made, yes)


def test_every_reason_is_told_for_which_it_would_have_to_be_wanted() -> None:
    former = next_set(None, Definitions((PROS, BUYERS)), {}, 0, "")
    made = msgspec.structs.replace(
        planned(former, Draft(Definitions(), {"x": ""})),
        cost=Cost(state_bytes=MOST_STATE_BYTES + 1),
        figures=PlanFigures(trials={"mined": QueryTrial(0, 0, 0, error="no such table")}),
    )
    with pytest.raises(click.ClickException) as raised:
        refuse_unwanted(made, yes=False)
    for reason in (f"{MOST_STATE_BYTES:,} are the budget", "trait 'mined' fails: no such table", "2 would be removed"):
        assert reason in raised.value.message
    refuse_unwanted(made, yes=True)


def test_what_no_record_has_room_for_is_not_applied_whoever_wants_it() -> None:
    made = DefinitionPlan(3, (), cost=Cost(state_bytes=MAX_RECORD_BYTES + 1))
    with pytest.raises(click.ClickException, match="a record has room for"):
        refuse_unwanted(made, yes=True)
    as_before = Cost(state_bytes=MAX_RECORD_BYTES + 1, former_state_bytes=MAX_RECORD_BYTES + 1)
    refuse_unwanted(msgspec.structs.replace(made, cost=as_before), yes=True)


@pytest.mark.parametrize(
    ("new", "refuses"),
    [
        (Definitions(), True),
        (Definitions(destinations=(Destination("mail"),)), True),
        (Definitions((Segment("others", PROS.when),)), False),
        (Definitions((PROS,)), False),
    ],
)
def test_a_folder_that_defines_nothing_any_more_is_applied_if_that_is_wanted(new: Definitions, refuses: bool) -> None:
    former = next_set(None, Definitions((PROS, BUYERS)), {}, 0, "")
    made = planned(former, Draft(new, {"x": ""}))
    with pytest.raises(click.ClickException, match=r"2 would be removed: .* --yes") if refuses else nullcontext():
        refuse_unwanted(made, yes=False)
    refuse_unwanted(made, yes=True)


def test_the_first_version_may_define_nothing() -> None:
    refuse_unwanted(planned(None, Draft(Definitions(), {"x": ""})), yes=False)


def test_who_waits_no_longer_hears_that_the_version_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, going_on(7):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert "not in effect yet; version 7 goes on by itself: 'onefold definitions status'" in capsys.readouterr().err
