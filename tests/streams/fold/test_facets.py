"""Every facet of a profile keeps the contract of `streams.fold.facet`; a new one is drawn here as well."""

from collections.abc import Mapping
from copy import deepcopy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import NEVER
from schemas.records import Event, Owner, Profile, Rebuild
from streams.fold import facets
from streams.fold.computed import ComputedTraits
from streams.fold.evaluations import Evaluations
from streams.fold.expiry import Expiry
from streams.fold.facet import Facet
from streams.fold.identifiers import Identifiers
from streams.fold.lineage import Lineage
from streams.fold.memberships import Memberships
from streams.fold.mined import Mined
from streams.fold.moment import BEGINNING, Moment, Outputs
from streams.fold.ownership import Ownership
from streams.fold.rebuild import begin
from streams.fold.recent_ids import RecentIds, unpacked
from streams.fold.seeds import PendingSeed, Seeds
from streams.fold.state import FACETS, ProfileState
from streams.fold.triggers import DelayedFiring, Firing, Triggers, Zone
from tests.streams.fold.given import CONTEXT, HOUR, START, event_lists, fold

TIMES = st.integers(START, START + 20 * HOUR)
NUMBERS = st.integers(0, 9)
NAMES = st.sampled_from(["a", "b", "c"])
OWNERS = st.lists(st.builds(Owner, TIMES, st.just("user_id"), NAMES), max_size=3).map(tuple)
# What no event says: drawn directly. All others are what they remember of events.
ZONES = st.none() | st.builds(Zone, TIMES, NUMBERS, NAMES)
WAITS = st.builds(lambda *wait: (DelayedFiring(*wait),), TIMES, TIMES, NAMES, NAMES)
SOME_TIMES = st.sets(TIMES, max_size=3).map(lambda times: tuple(sorted(times)))
FIRINGS = st.builds(Firing, st.booleans(), st.none() | TIMES, st.just(()) | WAITS, SOME_TIMES, SOME_TIMES)
ATTEMPTS = st.sampled_from(["1", "2", "3"])


def seed_of(origin: str, attempt: str, keys: set[str]) -> PendingSeed:
    """Make some of the states that an attempt has computed of a profile; each is always the same."""
    states = {key: msgspec.Raw(msgspec.msgpack.encode(f"{origin} {attempt} {key}")) for key in keys}
    return PendingSeed(attempt, int(attempt), states)


def seeds_of(parts: dict[str, tuple[str, set[str]]]) -> Seeds:
    return Seeds({origin: seed_of(origin, attempt, keys) for origin, (attempt, keys) in parts.items()})


DRAWN: Mapping[str, st.SearchStrategy[Facet]] = {
    "computed": st.builds(ComputedTraits, st.dictionaries(NAMES, NAMES)),
    "mined": st.builds(Mined, st.dictionaries(NAMES, st.sampled_from(['"a"', '"b"', "1", "1.0", "-2", "true", "[1]"]))),
    "memberships": st.builds(Memberships, st.dictionaries(NAMES, TIMES)),
    "evaluations": st.dictionaries(NUMBERS, TIMES).flatmap(
        lambda untils: st.builds(Evaluations, st.just(untils), st.just(min(untils.values(), default=NEVER)), NAMES)
    ),
    "ownership": st.builds(Ownership, OWNERS, NUMBERS, st.none() | TIMES, st.dictionaries(NAMES, NUMBERS)),
    "lineage": st.builds(Lineage, NUMBERS, NUMBERS, NUMBERS),
    "expiry": st.builds(Expiry, TIMES, st.none() | TIMES),
    "seeds": st.dictionaries(NAMES, st.tuples(ATTEMPTS, st.sets(NAMES, min_size=1))).map(seeds_of),
    "triggers": st.builds(
        Triggers, st.dictionaries(NAMES, FIRINGS), st.none() | st.builds(Zone, TIMES, NUMBERS, NAMES)
    ),
}
COUNTING = {"counters", "aggregates", "sessions"}  # of an event that is united twice; the fold asks `recent_ids` before
KEPT_WHOLE = {"recent_ids", "memberships", "triggers", "mined"}
NAMED_BY_A_REBUILD = {"identifiers", "ownership", "lineage", "consent"}  # or goes by what it names
BY_FACET = pytest.mark.parametrize("name", FACETS)
BY_FACET_OF_EVENTS = pytest.mark.parametrize("name", [name for name in FACETS if name not in DRAWN])
END = START + 20 * HOUR


def moment(as_of: int = END) -> Moment:
    return Moment(CONTEXT, Outputs(segment_changes=[], sessions={}), "cause", as_of, 0)


def empty(name: str) -> Facet:
    return FACETS[name]()


def added(name: str, events: list[Event]) -> Facet:
    """The facet after events, one by one, each as of the latest time so far."""
    facet, as_of = empty(name), BEGINNING
    for event in events:
        as_of = max(as_of, event.occurred_at)
        if isinstance(facet, RecentIds):
            facet.remember(event)
        else:
            facet.add(event, moment(as_of))
    return facet


def united(*parts: Facet) -> Facet:
    result = deepcopy(parts[0])
    for other in parts[1:]:
        before = deepcopy(other)
        result.unite(other, moment())
        assert other == before, "the other one is left as it is"
    return result


def meaning(facet: Facet) -> object:
    """What two facets that know the same have in common, whatever the order in which they learnt it."""
    if isinstance(facet, RecentIds):
        return set(unpacked(facet.packed)), facet.stored
    kept = deepcopy(facet)
    if not isinstance(
        kept, Memberships | ComputedTraits | Mined
    ):  # which forget by what is defined; these are drawn of any names
        kept.forget(moment())
    return kept


def three(data: st.DataObject, name: str) -> list[Facet]:
    """Three facets of distinct events, or drawn."""
    if name in DRAWN:
        return [data.draw(DRAWN[name]) for _ in range(3)]
    events = data.draw(st.permutations(data.draw(event_lists())))
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(events))] * 2)))
    return [added(name, part) for part in (events[:first], events[first:second], events[second:])]


@BY_FACET
def test_every_facet_is_drawn_or_learns_of_events(name: str) -> None:
    of_events = name in facets.defining("add") or FACETS[name] is RecentIds  # which the fold asks before all others
    assert (name in DRAWN) is not of_events, "else the tests below would see empty ones alone"


@BY_FACET
@given(data=st.data())
def test_uniting_is_commutative_and_associative_with_the_empty_facet_as_identity(
    name: str, data: st.DataObject
) -> None:
    a, b, c = three(data, name)
    assert meaning(united(a, b)) == meaning(united(b, a))
    assert meaning(united(united(a, b), c)) == meaning(united(a, united(b, c)))
    assert meaning(united(a, empty(name))) == meaning(united(empty(name), a)) == meaning(a)


@pytest.mark.parametrize("name", [name for name in FACETS if name not in COUNTING])
@given(data=st.data())
def test_uniting_is_idempotent_but_for_what_counts_events(name: str, data: st.DataObject) -> None:
    a, b, _ = three(data, name)
    assert meaning(united(a, a)) == meaning(a)
    assert meaning(united(a, b, a)) == meaning(united(a, b))


@given(events=event_lists(), data=st.data())
def test_folding_an_event_again_is_idempotent_for_every_facet(events: list[Event], data: st.DataObject) -> None:
    state, _ = fold(events)
    before = deepcopy(state)
    fold(data.draw(st.permutations(events)), state)
    for name in FACETS:
        assert getattr(state, name) == getattr(before, name), name


@BY_FACET_OF_EVENTS
@given(data=st.data(), events=event_lists())
def test_adding_events_in_any_order_is_uniting_the_facets_of_each(
    name: str, data: st.DataObject, events: list[Event]
) -> None:
    arriving = data.draw(st.permutations(events))
    alone = [added(name, [event]) for event in data.draw(st.permutations(events))]
    assert meaning(added(name, arriving)) == meaning(united(empty(name), *alone)) == meaning(added(name, events))


@BY_FACET
@given(data=st.data())
def test_a_deadline_is_after_now_or_never_and_bytes_are_read_back(name: str, data: st.DataObject) -> None:
    for facet in three(data, name):
        assert facet.deadline(START - 1) >= START
        assert facet.deadline(NEVER) == NEVER or isinstance(facet, Evaluations | Triggers)  # theirs fire
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(facet), type=FACETS[name]) == facet


@pytest.mark.parametrize("name", ["aggregates", "sessions"])
@given(data=st.data())
def test_forgetting_changes_nothing_that_is_read_later(name: str, data: st.DataObject) -> None:
    a, b, _ = three(data, name)
    forgotten = deepcopy(a)
    forgotten.forget(moment())
    assert meaning(united(forgotten, b)) == meaning(united(a, b))


@BY_FACET
@given(data=st.data())
def test_what_is_retired_once_is_taken_over_whole(name: str, data: st.DataObject) -> None:
    a, _, _ = three(data, name)
    a.retire(moment())
    again = deepcopy(a)
    again.retire(moment())
    assert again == a
    assert meaning(united(empty(name), a)) == meaning(a)


@BY_FACET
@given(data=st.data())
def test_what_outlasts_a_rebuild_is_kept_by_every_further_one(name: str, data: st.DataObject) -> None:
    facet, _, _ = three(data, name)
    kept = deepcopy(facet).outlast()
    assert kept == (facet if name in KEPT_WHOLE else kept.outlast())
    state = ProfileState(as_of=END)
    setattr(state, name, facet)
    begun = begin(begin(state, Rebuild(90, (), ()), END, Outputs()), Rebuild(91, (), ()), END, Outputs())
    assert begun is not None
    if name not in NAMED_BY_A_REBUILD:
        assert getattr(begun.kept, name) == kept


@given(events=event_lists())
def test_every_field_of_a_record_is_of_one_facet_or_of_the_profile_itself(events: list[Event]) -> None:
    state, _ = fold(events)
    fields: list[str] = []
    for name in facets.defining("render"):
        record = Profile("", "", 0, -1, "", None, ("",), {"": 0}, ("",), None, -1, -1, -1, -1)  # type: ignore[arg-type]
        before = {field: getattr(record, field) for field in Profile.__struct_fields__}
        getattr(state, name).render(record, CONTEXT, state.as_of)
        fields += [field for field in before if getattr(record, field) is not before[field]]
    assert len(fields) == len(set(fields))
    assert "traits" not in fields, "which several facets know, so that the fold joins them"
    assert {"version", "identifiers", "counters", "events", "first_seen_at", "last_seen_at"} <= set(fields)


@pytest.mark.parametrize(
    ("operation", "names"),
    [
        ("add", {"identifiers", "traits", "counters", "aggregates", "sessions", "consent"}),
        ("unite", set(FACETS)),
        ("deadline", {"sessions", "evaluations", "triggers"}),
        ("advance", {"sessions"}),
        ("render", {"identifiers", "counters", "sessions", "memberships", "lineage"}),
        ("forget", {"aggregates", "sessions", "computed", "memberships", "mined", "triggers"}),
        ("retire", {"sessions", "computed", "memberships", "evaluations", "ownership", "lineage", "expiry", "consent"}),
        ("outlast", {"recent_ids", "memberships", "triggers", "ownership", "lineage", "mined", "consent"}),
    ],
)
def test_only_the_facets_that_define_an_operation_are_called(operation: str, names: set[str]) -> None:
    assert set(facets.defining(operation)) == names


def test_a_profile_of_empty_facets_is_empty() -> None:
    state = ProfileState()
    assert [getattr(state, name) for name in FACETS] == [empty(name) for name in FACETS]
    assert facets.deadline(state) == NEVER
    assert isinstance(state.identifiers, Identifiers)
