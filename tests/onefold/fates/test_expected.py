"""What a destination was to hear follows from the definitions of then, and ends with the set that sends it no more."""

import msgspec

from definitions.destinations import Destination
from definitions.model import Comparison, Operator, Segment, TraitComparison, Trigger
from definitions.receivers.webhook import Webhook
from definitions.sets import DefinitionSet
from onefold.fates.expected import (
    ADOPTED_WITHIN_MS,
    ExpectedChanges,
    ExpectedTriggers,
    addressed_by,
    expected_changes,
    expected_triggers,
    names_by_destination,
)

PROS = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
HOOK = Destination("hook", receiver=Webhook("https://shop.example/hook"))
BOTH = ("entered", "exited")


def of(version: int, *names: str, destination: Destination = HOOK) -> DefinitionSet:
    """A set that sends a segment and a trigger to these destinations, applied at a time of its version."""
    return DefinitionSet(
        version,
        version * 10_000_000,
        "test",
        segments=(Segment("pros", PROS, destinations=names),),
        triggers=(Trigger("won", when=PROS, destinations=names),),
        destinations=(destination, Destination("plain")),
    )


def test_changes_are_expected_by_each_version_that_sends_them_to_a_receiver() -> None:
    assert list(expected_changes([of(1), of(2, "hook", "plain"), of(3, "hook")])) == [
        ExpectedChanges("hook", "pros", 2, BOTH),
        ExpectedChanges("hook", "pros", 3, BOTH),
    ]


def test_a_destination_that_was_renamed_is_one_under_its_last_name() -> None:
    new = msgspec.structs.replace(HOOK, name="new", renamed_from=("hook",))
    sets = [of(1, "hook"), of(2, "new", destination=new)]
    assert names_by_destination(sets) == {"new": ("hook", "new")}
    assert names_by_destination([*sets, of(3, "hook")]) == {"new": ("hook", "new"), "hook": ("hook",)}


def test_whom_a_change_goes_to_is_what_its_version_says_and_of_a_trigger_the_last_set() -> None:
    only_entries = msgspec.structs.replace(HOOK, changes=("entered",))
    sets = [of(1, "plain"), of(2, "hook", "plain"), of(3, "hook", destination=only_entries), of(4)]
    assert [addressed_by(sets, "pros", "entered", version) for version in range(6)] == [
        set(), set(), {"hook"}, {"hook"}, set(), set(),
    ]  # fmt: skip
    assert addressed_by(sets, "pros", "exited", 3) == set()
    assert addressed_by(sets, "won", "fired", 0) == set()
    assert addressed_by(sets[:2], "won", "fired", 0) == {"hook"}
    assert addressed_by([], "won", "fired", 0) == set()


def test_a_set_that_sends_them_no_more_ends_what_earlier_versions_say() -> None:
    assert list(expected_changes([of(1, "hook"), of(2, "hook"), of(3), of(4, "hook")])) == [
        ExpectedChanges("hook", "pros", 1, BOTH, 30_000_000),
        ExpectedChanges("hook", "pros", 2, BOTH, 30_000_000),
        ExpectedChanges("hook", "pros", 4, BOTH),
    ]


def test_a_segment_that_is_defined_no_more_is_sent_where_it_was_until_a_set_says_otherwise() -> None:
    without = msgspec.structs.replace(of(2, "hook"), segments=())
    assert list(expected_changes([of(1, "hook"), without])) == [
        ExpectedChanges("hook", "pros", 1, BOTH),
        ExpectedChanges("hook", "pros", 2, BOTH),
    ]
    assert list(expected_changes([of(1, "hook"), without, of(3)])) == [
        ExpectedChanges("hook", "pros", 1, BOTH, 30_000_000),
        ExpectedChanges("hook", "pros", 2, BOTH, 30_000_000),
    ]


def test_only_directions_are_expected_that_the_destination_wants() -> None:
    leaving = Destination("hook", receiver=HOOK.receiver, changes=("exited",))
    fired = Destination("hook", receiver=HOOK.receiver, changes=("fired",))
    assert [each.changes for each in expected_changes([of(1, "hook", destination=leaving)])] == [("exited",)]
    assert list(expected_changes([of(1, "hook", destination=fired)])) == []
    assert list(expected_triggers([of(1, "hook", destination=leaving)])) == []


def test_triggers_are_expected_in_each_period_in_which_all_sets_send_them() -> None:
    sets = [of(1, "hook"), of(2, "hook"), of(3), of(4, "hook")]
    assert list(expected_triggers(sets)) == [
        ExpectedTriggers("hook", "won", 10_000_000 + ADOPTED_WITHIN_MS, 30_000_000),
        ExpectedTriggers("hook", "won", 40_000_000 + ADOPTED_WITHIN_MS),
    ]
