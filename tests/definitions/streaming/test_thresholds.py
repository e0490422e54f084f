"""Whoever a changed trait does not concern reads it as before."""

from hypothesis import example, given
from hypothesis import strategies as st

from definitions.model import (
    Case,
    Comparison,
    Literally,
    Operator,
    Rule,
    Segment,
    Trait,
    TraitComparison,
    TraitValue,
)
from definitions.streaming.thresholds import distinctions_of, readers_of_trait
from tests.definitions.naive.values import compare, value_at
from tests.definitions.strategies import FINE, comparisons, paths, several, values


@given(st.lists(st.tuples(paths, several), min_size=1, max_size=3), values, values)
@example([(("t",), (Comparison(Operator.GREATER_THAN, 1),))], 1, 1.5)
@example([(("t",), (Comparison(Operator.NOT_EQUALS, 1),))], None, "1")
@example([(("t",), (Comparison(Operator.EQUALS, FINE + 2),))], FINE, FINE + 1)
@example([(("t",), (Comparison(Operator.LESS_THAN, FINE + 2),))], FINE + 1, FINE)
@example([(("t", "a"), (Comparison(Operator.EQUALS, 1),))], None, {"a": 1})
def test_a_change_concerns_whoever_answers_otherwise(
    read: list[tuple[tuple[str, ...], tuple[Comparison, ...]]], former: object, value: object
) -> None:
    segments = [Segment("s", TraitComparison(("t", *path[1:]), compared)) for path, compared in read]
    distinctions = {number: distinctions_of(segment)["t"] for number, segment in enumerate(segments)}
    concerned = readers_of_trait((), distinctions).concerned(former, value)
    for number, (path, compared) in enumerate(read):
        before, after = (all(compare(each, value_at(of, path[1:])) for each in compared) for of in (former, value))
        assert before is after or number in concerned


def test_a_number_that_passes_no_threshold_concerns_nobody() -> None:
    distinctions = {
        limit: distinctions_of(Segment("s", TraitComparison(("t",), (Comparison(Operator.GREATER_OR_EQUAL, limit),))))[
            "t"
        ]
        for limit in range(0, 100, 10)
    }
    readers = readers_of_trait((), distinctions)
    assert readers.concerned(11, 19) == readers.concerned("a", "b") == readers.concerned(None, "b") == ()
    assert readers.concerned(19, 20) == readers.concerned(29, 19.5) == (20,)
    assert readers.concerned(None, 5) == tuple(distinctions)


@given(comparisons)
def test_whoever_shows_a_trait_tells_all_of_its_values_apart(comparison: Comparison) -> None:
    case = Case(TraitComparison(("t",), (comparison,)), Literally(1))
    assert distinctions_of(Trait("r", Rule((case,), Literally(2)))).keys() == {"t"}
    assert distinctions_of(Trait("r", Rule((case,), TraitValue(("t",))))) == {}
