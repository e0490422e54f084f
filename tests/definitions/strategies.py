"""Random conditions, and random lives of a profile on which they can go either way."""

from hypothesis import strategies as st

from definitions.model import (
    AllOf,
    AnyOf,
    Call,
    Comparison,
    Condition,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    PropertyFilter,
    TraitComparison,
    Window,
)
from schemas.records import EventType
from tests.definitions.naive.lives import Happened

TYPES: list[EventType] = ["track", "page", "identify"]
NAMES = ["Buy", "View", "加入购物车"]
HORIZON = 60

# Few values of many kinds, so that equal and nearly equal ones meet: 1, 1.0, True, "1", whole ones of one double.
FINE = 2**53 + 2
numbers = st.sampled_from([-1, 0, 1, 1.0, 1.5, 2, 10**17, FINE, FINE + 1, FINE + 2])
scalars = st.one_of(numbers, st.booleans(), st.sampled_from(["1", "a", "ab", "true", "北京"]))
leaves = st.one_of(st.none(), scalars, st.lists(scalars, max_size=2))
values = st.one_of(leaves, st.dictionaries(st.sampled_from("abc"), leaves, max_size=2))
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=2).map(tuple)

_ORDERINGS = [Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.LESS_OR_EQUAL]
choices = st.lists(scalars, min_size=1, max_size=3).map(tuple)
comparisons = st.one_of(
    st.builds(
        Comparison,
        st.sampled_from([Operator.EQUALS, Operator.NOT_EQUALS, Operator.CONTAINS, Operator.NOT_CONTAINS]),
        scalars,
    ),
    st.builds(Comparison, st.sampled_from(_ORDERINGS), numbers),
    st.builds(
        Comparison,
        st.sampled_from([Operator.IN, Operator.NOT_IN, Operator.CONTAINS_ANY]),
        st.lists(scalars, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Comparison, st.just(Operator.STARTS_WITH), st.sampled_from(["a", "1", "北"])),
    st.builds(Comparison, st.just(Operator.ENDS_WITH), st.sampled_from(["a", "1", "京"])),
    st.builds(Comparison, st.just(Operator.MATCHES), st.sampled_from(["^a", "1|b", "[北南]京$", "(?i)TRUE"])),
    st.builds(Comparison, st.just(Operator.EXISTS), st.booleans()),
)
several = st.lists(comparisons, min_size=1, max_size=2).map(tuple)
filters = st.lists(st.builds(PropertyFilter, paths, several), max_size=1).map(tuple)
_names = st.builds(Call, st.sampled_from(TYPES), st.sampled_from(NAMES))
_calls = st.one_of(_names, st.builds(Call, st.sampled_from(TYPES)))
matchers = st.builds(EventMatcher, st.lists(_calls, max_size=2).map(tuple), filters)
counts = st.builds(EventCount, matchers, st.builds(Window, st.integers(1, HORIZON)), st.integers(1, 3))
conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(counts, counts, st.builds(TraitComparison, paths, several)),
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(AllOf, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(parts, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
events = st.lists(
    st.builds(
        Happened,
        st.integers(0, HORIZON),
        st.sampled_from(TYPES),
        st.one_of(st.none(), st.sampled_from(NAMES)),
        objects,
        *map(st.just, ({}, {}, 0, "", "web")),
    ),
    max_size=12,
)
