"""What a destination is sent of the changes of memberships: which ones, in which order, with which traits."""

import json
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, Segment, compile_program
from definitions.destinations import Checks, Destination
from definitions.model import Aggregate, Call, EventCount, EventMatcher, Measure, Statistical, Trait, Window
from definitions.receivers.webhook import Webhook
from definitions.streaming.program import destinations_by_segment
from schemas.records import ProfileCommand, Rebuild, SegmentChange, Transfer
from schemas.topics import SEGMENTS, activation
from streams import metrics
from streams.adoption import unchanging
from streams.agents.profile.activation import sent_to
from tests.streams.agents.profile.partition import ANN, ANNS, OTHER_ID, ProfilePartition
from tests.streams.fold.given import HOUR, MINUTE, START, event, identify

_VIEW = EventMatcher((Call("track", "View"),))
_VIEWING = EventCount(_VIEW, Window(HOUR))
_BUYING = EventCount(EventMatcher((Call("track", "Buy"),)), Window(HOUR))
PROGRAM = compile_program(
    Definitions(
        segments=(
            Segment("viewing", _VIEWING, destinations=("plain", "mail", "fresh", "calm")),
            Segment("buying", _BUYING, destinations=("mail",)),
            Segment("unsent", _BUYING),
        ),
        destinations=(
            Destination("plain"),
            Destination("mail", traits=("rate", "plan", "none", "nested", "visits")),
            Destination("fresh", checks=Checks(not_older_than_ms=MINUTE)),
            Destination("calm", coalesces=True),
            Destination("unnamed", traits=("plan",)),
        ),
        traits=(Trait("visits", Statistical(Aggregate(_VIEW, Measure.COUNT))),),
    )
)
TRAITS = '{"plan": "pro", "secret": "x", "rate": 1.10, "nested": {"城": [null]}}'
PICKED = '{"nested":{"城": [null]},"plan":"pro","rate":1.10,"visits":1}'


def partition() -> ProfilePartition:
    """Return a partition of the event clock with Ann, who has traits."""
    profiles = ProfilePartition("event", unchanging(PROGRAM, ["main"]))
    profiles.event(identify(START, TRAITS), ANN)
    return profiles


def sent(profiles: ProfilePartition, destination: str) -> list[SegmentChange]:
    return profiles.read(activation(destination), SegmentChange)


def changes(profiles: ProfilePartition) -> list[SegmentChange]:
    """The changes on `segments`, as a destination is sent those of somebody who has said nothing."""
    return [msgspec.structs.replace(change, consent="{}") for change in profiles.read(SEGMENTS, SegmentChange)]


def test_a_destination_gets_the_traits_that_it_asks_for_to_the_digit_and_no_others() -> None:
    profiles = partition()
    profiles.event(event(START + 1), ANN)
    [change] = changes(profiles)
    assert (change.segment, change.change, change.traits) == ("viewing", "entered", "{}")
    [mail], [plain] = sent(profiles, "mail"), sent(profiles, "plain")
    assert mail == msgspec.structs.replace(change, traits=mail.traits)
    assert mail.traits == PICKED
    assert plain == change
    assert sent(profiles, "unnamed") == []
    profiles.event(event(START + 2, "Buy"), ANN)
    assert {change.segment for change in changes(profiles)} == {"buying", "unsent"}
    assert [change.segment for change in sent(profiles, "mail")] == ["buying"]
    assert sent(profiles, "plain") == []


def test_a_change_says_by_which_version_of_the_definitions_it_was_decided() -> None:
    adopted = msgspec.structs.replace(unchanging(PROGRAM, ["main"])(), evaluated={"main": 7})
    profiles = ProfilePartition("event", lambda: adopted)
    profiles.event(event(START), ANN)
    assert [change.definition for change in (*changes(profiles), *sent(profiles, "mail"))] == [
        7,
        7,
    ]


def test_of_several_versions_the_last_that_has_a_segment_or_a_destination_counts() -> None:
    first = Definitions((Segment("gone", _VIEWING, destinations=("mail",)),), (Destination("mail"),))
    second = Definitions((Segment("new", _VIEWING),), (Destination("mail", coalesces=True),))
    assert destinations_by_segment([first, second]) == {"gone": (Destination("mail", coalesces=True),), "new": ()}


def test_traits_are_those_at_the_end_of_the_batch() -> None:
    profiles = partition()
    profiles.events([event(START + 1), identify(START + 2, '{"plan": "free"}')], ANN, START + 2)
    [mail] = sent(profiles, "mail")
    assert json.loads(mail.traits)["plan"] == "free"


def test_who_gives_way_leaves_with_the_traits_that_it_had() -> None:
    profiles = partition()
    profiles.event(event(START + 1), ANN)
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=OTHER_ID, identifiers=(ANN,))))
    [mail] = sent(profiles, "mail")
    assert (mail.change, mail.cause, mail.traits) == ("exited", "merge", PICKED)


def test_who_begins_to_wait_for_a_replay_is_sent_with_the_traits_that_it_had() -> None:
    profiles = partition()
    profiles.event(event(START + 1), ANN)
    begins = ProfileCommand.of("main", ANNS, Rebuild(9, identifiers=(ANN,)))
    profiles.events_and_command([event(START + 1 + HOUR, "Buy")], ANN, begins)
    assert [change.segment for change in sent(profiles, "mail")] == ["viewing", "buying"]
    assert {change.traits for change in sent(profiles, "mail")} == {PICKED}


def test_changes_of_one_batch_come_in_order_or_coalesced() -> None:
    profiles = partition()
    visits = [event(START + at * 2 * HOUR) for at in range(3)]
    profiles.events(visits, ANN, START + 4 * HOUR)
    alternating = ["entered", "exited", "entered", "exited", "entered"]
    assert [change.change for change in changes(profiles)] == alternating
    assert [change.change for change in sent(profiles, "mail")] == alternating
    last = changes(profiles)[-1]
    assert sent(profiles, "calm") == [last]
    profiles.events([event(START + 6 * HOUR)], ANN, START + 6 * HOUR)
    assert [change.change for change in changes(profiles)] == ["exited", "entered"]
    assert sent(profiles, "calm") == [], "back where it was"
    assert profiles.tally[metrics.WITHHELD, ("main", "calm", "coalesced")] == 4 + 2


def test_an_entry_that_was_decided_too_late_is_not_sent_where_that_is_asked() -> None:
    profiles = ProfilePartition("wall", unchanging(PROGRAM, ["main"]))
    profiles.event(event(START), ANN, now=START + MINUTE + 1)
    [entered] = changes(profiles)
    assert (entered.change, entered.decided_at - entered.changed_at) == ("entered", MINUTE + 1)
    assert sent(profiles, "fresh") == []
    assert sent(profiles, "plain") == [entered]
    assert profiles.tally[metrics.WITHHELD, ("main", "fresh", "too_late")] == 1


def test_an_exit_is_sent_however_late_for_no_list_shall_keep_whom_it_was_sent() -> None:
    profiles = ProfilePartition("wall", unchanging(PROGRAM, ["main"]))
    profiles.event(event(START), ANN, now=START + MINUTE)
    assert [change.change for change in sent(profiles, "fresh")] == ["entered"]
    profiles.sweep(START + HOUR + MINUTE + 1)
    assert [change.change for change in sent(profiles, "fresh")] == ["exited"]


def test_where_there_is_a_receiver_nothing_is_withheld_for_its_reasons_are_to_be_known() -> None:
    late = [
        SegmentChange("main", str(at), ANNS, "a", direction, 0, "m", at, decided_at=99)  # type: ignore[arg-type]
        for at, direction in enumerate(("entered", "exited", "entered"))
    ]
    alone = Destination("d", checks=Checks(not_older_than_ms=5), coalesces=True)
    assert sent_to(alone, late)[0] == []
    served = msgspec.structs.replace(alone, receiver=Webhook("https://shop.example/hook"))
    assert sent_to(served, late) == (late, {})


SEGMENTS_OF_TWO = st.sampled_from(("a", "b"))


@given(st.lists(st.tuples(SEGMENTS_OF_TWO, st.integers(0, 10)), max_size=12), st.integers(0, 10), st.booleans())
def test_a_destination_ends_where_the_segments_do(steps: list[tuple[str, int]], limit: int, was_in: bool) -> None:
    """Applied in any batches, what is coalesced leads to the same members; and nobody enters too late."""
    members = {"a", "b"} if was_in else set[str]()
    at_destination = set(members)
    changes: list[SegmentChange] = []
    for version, (segment, late) in enumerate(steps):
        direction = "exited" if segment in members else "entered"
        members ^= {segment}
        changes.append(SegmentChange("main", str(version), ANNS, segment, direction, 0, "m", version, decided_at=late))  # type: ignore[arg-type]
    kept, withheld = sent_to(Destination("d", coalesces=True), changes)
    for change in kept:
        assert (change.change == "exited") == (change.segment in at_destination), "each says something new"
        at_destination ^= {change.segment}
    assert at_destination == members
    assert len({change.segment for change in kept}) == len(kept)
    assert len(kept) + withheld.total() == len(changes)
    assert all(before.version < after.version for before, after in pairwise(kept))
    fresh, _ = sent_to(Destination("d", checks=Checks(not_older_than_ms=limit)), changes)
    assert fresh == [change for change in changes if change.change == "exited" or change.decided_at <= limit]
