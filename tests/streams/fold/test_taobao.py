"""815 real shoppers: each windowed definition that is shipped enters and leaves at the millisecond that intervals say.

The other computation knows neither accumulators nor deadlines: "A within w" is the union of [a, a + w) over all a, and
conditions are unions, intersections and complements of such sets of times.
"""

import csv
import gzip
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from definitions import NEVER, Program, compile_program, load
from schemas.records import SegmentChange
from streams.fold.fold import advance, fold_event
from streams.fold.moment import Outputs
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT, DAY, HOUR, MINUTE, event

ROOT = Path(__file__).parents[3]
DATA = ROOT / "../shared/data/taobao_815users.csv.gz"
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="the data sets in ../shared/data are not shipped")

NAMES = {"pv": "Product Viewed", "cart": "Product Added", "fav": "Product Favourited", "buy": "Order Completed"}
Intervals = list[tuple[int, int]]
"""Disjoint, not adjoining, in order; each with its first time and the first one after it."""
Changes = list[tuple[int, str]]


class Action(NamedTuple):
    at: int
    name: str
    item: str


@pytest.fixture(scope="module")
def shoppers() -> Mapping[str, list[Action]]:
    people: defaultdict[str, list[Action]] = defaultdict(list)
    with gzip.open(DATA, "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            people[row["user_id"]].append(Action(int(row["ts"]) * 1000, NAMES[row["event_type"]], row["item_id"]))
    assert len(people) == 815
    return {person: sorted(actions, key=lambda action: action.at) for person, actions in people.items()}


def program_of(folder: str) -> Program:
    return compile_program(load(ROOT / folder)).of("main", "person")


def streamed(person: str, actions: Iterable[Action], program: Program) -> Mapping[str, Changes]:
    """The entries and exits by segment that the fold publishes, until nothing is left that time could change."""
    context = msgspec.structs.replace(CONTEXT, profile_id=profile_of(person), program=program)
    state, out = ProfileState(), Outputs()
    for number, action in enumerate(actions):
        properties = {"product_id": action.item}
        folded = event(action.at, action.name, message_id=f"{number}", properties=properties, ordinal=number)
        fold_event(state, folded, context, out)
    advance(state, NEVER - 1, context, out)
    return by_segment(out.segment_changes)


def profile_of(person: str) -> str:
    digest = hashlib.sha256(person.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def by_segment(changes: Iterable[SegmentChange]) -> Mapping[str, Changes]:
    """Entries and exits that last: one that is taken back at the same time leaves no interval."""
    listed: defaultdict[str, Changes] = defaultdict(list)
    for change in changes:
        kept = listed[change.segment]
        if kept and kept[-1][0] == change.changed_at:
            kept.pop()
        else:
            kept.append((change.changed_at, change.change))
    return listed


# Sets of times


def within(actions: Iterable[Action], window: int, *names: str, at_least: int = 1) -> Intervals:
    """When at least so many actions of these names lie in the window."""
    times = [action.at for action in actions if not names or action.name in names]
    return union((newest, oldest + window) for oldest, newest in zip(times, times[at_least - 1 :], strict=False))


def union(intervals: Iterable[tuple[int, int]]) -> Intervals:
    joined: Intervals = []
    for begins, ends in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return joined


def complement(intervals: Intervals, since: int) -> Intervals:
    ends = [since, *(ended for _, ended in intervals)]
    begins = [*(began for began, _ in intervals), NEVER]
    return union(zip(ends, begins, strict=True))


def both(left: Intervals, right: Intervals) -> Intervals:
    return union((max(a, c), min(b, d)) for a, b in left for c, d in right)


def changes_of(intervals: Intervals) -> Changes:
    return list(_changes(intervals))


def _changes(intervals: Intervals) -> Iterator[tuple[int, str]]:
    for begins, ends in intervals:
        yield begins, "entered"
        if ends < NEVER:
            yield ends, "exited"


# The definitions, by hand


def cart_abandoners(actions: Sequence[Action], silence: int, lasting: int) -> Intervals:
    since = actions[0].at
    added = within(actions, lasting, "Product Added")
    silent = complement(within(actions, silence, "Product Added"), since)
    return both(both(added, silent), complement(within(actions, DAY, "Order Completed"), since))


def browse_abandoners(actions: Sequence[Action]) -> Intervals:
    since = actions[0].at
    views: defaultdict[str, list[Action]] = defaultdict(list)
    for action in actions:
        if action.name == "Product Viewed":
            views[action.item].append(action)
    looked = union(interval for seen in views.values() for interval in within(seen, DAY, at_least=3))
    bought = complement(within(actions, DAY, "Product Added", "Order Completed"), since)
    return both(both(looked, bought), complement(within(actions, 30 * MINUTE), since))


def retargeting(person: str, actions: Sequence[Action]) -> Intervals:
    digest = hashlib.md5(f"retargeting|{profile_of(person)}".encode(), usedforsecurity=False).hexdigest()
    if int(digest[:8], 16) % 1000 < 100:
        return []
    return union((*cart_abandoners(actions, HOUR, DAY), *browse_abandoners(actions)))


def test_the_library(shoppers: Mapping[str, list[Action]]) -> None:
    program, entered = program_of("examples/library"), 0
    for person, actions in shoppers.items():
        found = streamed(person, actions, program)
        expected = {
            "cart_abandoners": changes_of(cart_abandoners(actions, HOUR, DAY)),
            "browse_abandoners": changes_of(browse_abandoners(actions)),
            "retargeting": changes_of(retargeting(person, actions)),
            "active_customers": changes_of(within(actions, 90 * DAY, "Order Completed")),
        }
        assert {segment: found.get(segment, []) for segment in expected} == expected, person
        entered += sum(map(len, expected.values()))
    assert entered > 10_000


def test_the_shop(shoppers: Mapping[str, list[Action]]) -> None:
    program, entered = program_of("examples/shop"), 0
    for person, actions in shoppers.items():
        expected = changes_of(cart_abandoners(actions, 30 * MINUTE, HOUR))
        assert streamed(person, actions, program).get("cart_abandoners", []) == expected, person
        entered += len(expected)
    assert entered > 1_000
