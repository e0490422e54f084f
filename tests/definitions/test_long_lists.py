"""Of a list the first values that fit into 8 KiB of JSON are kept: in the streams, by SQL and by naive evaluation."""

import json
from random import Random
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.model import (
    Aggregate,
    AggregateComparison,
    Call,
    Comparison,
    Condition,
    Definitions,
    EventMatcher,
    Field,
    Function,
    Measure,
    Operator,
    Rule,
    Scalar,
    Segment,
    Statistical,
    Trait,
    TraitComparison,
    TraitValue,
    Window,
)
from definitions.streaming.scalars import fitting
from tests.definitions.generated import BEGINNING, PRIORITIES
from tests.definitions.naive.aggregates import fitting as plainly_fitting
from tests.definitions.naive.lives import Happened
from tests.definitions.populations import Histories, check, differences, person, record
from tests.definitions.test_parity_of_streams import arrivals, follow
from warehouse.client import Warehouse
from warehouse.queries.definitions import EvaluationQuery

TAGS, PRODUCT = Field(("tags",), "traits"), Field(("product",))
UNION = Aggregate(EventMatcher((Call("identify"),)), Measure.UNION, TAGS)
VALUES = Aggregate(EventMatcher((Call("track"),)), Measure.VALUES, PRODUCT)
OF_A_DAY = Aggregate(EventMatcher((Call("track"),)), Measure.VALUES, PRODUCT, Window(86_400_000))
NOW = BEGINNING + 2_000
BYTES = 8_192

characters = st.sampled_from('aé北😀"\\/\n\t\b\f\r\x00\x01\x1f\x7f\u2028')
texts = st.builds(lambda part, times: part * times, st.text(characters, min_size=1, max_size=16), st.integers(0, 16))
numbers = st.sampled_from([0, -1, 1.5, 2**53, -(2**53), 10.0**17, 10.0**300, -1.5e-6, 12345])
scalars = st.one_of(texts, texts, numbers, st.booleans())


def tag(number: int) -> str:
    return f"{number:03}" + "x" * 60


@given(st.lists(scalars, max_size=200), st.integers(1, 20))
def test_what_fits_is_the_longest_beginning_and_never_takes_more(values: list[Scalar], times: int) -> None:
    values *= times
    kept = fitting(values)
    assert kept == values[: len(kept)] == plainly_fitting(values)
    assert len(msgspec.json.encode(kept)) <= BYTES
    if len(kept) < len(values):
        more = values[: len(kept) + 1]
        assert len(msgspec.json.encode(more)) + 24 * sum(isinstance(value, float) for value in more) > BYTES


def test_a_list_fills_the_bytes_to_the_last_one() -> None:
    values: list[Scalar] = ["x" * 253] * 32  # with quotes and a comma 256 bytes each, and one bracket too many
    assert len(msgspec.json.encode(fitting(["x" * 252, *values[1:]]))) == BYTES
    assert fitting(values) == values[:-1]
    several: list[Scalar] = [3, True, 2**53 - 1] * 1_000  # three take 24 bytes with their commas
    assert fitting(several) == several[: 3 * 341 + 2]


@pytest.fixture(scope="module")
def histories() -> Histories:
    lists = [*_of_tags(), *_of_booleans(), *_of_anything()]
    return {person(number): _sent(values) for number, values in enumerate(lists)}


def test_the_streams_keep_what_the_naive_evaluation_keeps(histories: Histories) -> None:
    wanted = EvaluationQuery(_definitions(), "lists", "person", NOW, PRIORITIES)
    evaluated = [each.evaluated for each in follow(_definitions(), "lists", arrivals("lists", histories), NOW)]
    assert differences(evaluated, wanted, histories) == []


def test_sql_keeps_what_the_naive_evaluation_keeps(warehouse: Warehouse, histories: Histories) -> None:
    workspace = f"lists {uuid4()}"
    record(warehouse, workspace, histories)
    check(warehouse, workspace, _definitions(), histories, NOW)


def _definitions() -> Definitions:
    """Lists as traits, and what reads them: their lengths, and whether they have the last value that fits, or more."""
    traits = {"tags": UNION, "ever": VALUES, "day": OF_A_DAY}
    last, more = (Comparison(Operator.CONTAINS, tag(number)) for number in (123, 124))
    conditions: list[Condition] = []
    for name, aggregate in traits.items():
        conditions += [TraitComparison((name,), (each,)) for each in (last, more)]
        conditions.append(AggregateComparison(aggregate, (more,)))
    lengths = {f"{name}_length": Function("length", (TraitValue((name,)),)) for name in traits}
    return Definitions(
        tuple(Segment(f"s{number}", condition) for number, condition in enumerate(conditions)),
        traits=(
            *(Trait(name, Statistical(aggregate)) for name, aggregate in traits.items()),
            *(Trait(name, Rule((), length)) for name, length in lengths.items()),
        ),
    )


def _of_tags() -> list[list[object]]:
    return [[tag(number) for number in range(count)] for count in (124, 127, 190)]


def _of_booleans() -> list[list[object]]:
    """Behind texts there is room for both; one byte too few for the second; for the first; one too few for it."""
    long = [f"{number:03}" + "x" * 250 for number in range(31)]  # 256 bytes each: 255 are left
    return [[*long, "z" * length, False, True] for length in (241, 242, 246, 247)]


def _of_anything() -> list[list[object]]:
    random = Random(0)
    shorts: list[object] = [random.randrange(2**53) for _ in range(500)]
    longs: list[object] = [random.random() * 10.0 ** random.choice((0, 8, 17, 20, 22, 300, -9)) for _ in range(340)]
    odd: list[object] = [
        "".join(random.choice('aé北😀"\\/\n\t\b\f\r\x01\x1f\x7f\u2028') for _ in range(random.randint(1, 100)))
        for _ in range(150)
    ]
    return [shorts, longs, odd, odd[:60] + longs[:199], [*shorts[:60], *odd]]


def _sent(values: list[object]) -> list[Happened]:
    """All values in one list, and each in an event of its own."""
    assert json.loads(json.dumps(values)) == values
    return [
        Happened(BEGINNING, "identify", None, traits={"tags": values}, message_id="all"),
        *(
            Happened(BEGINNING + at, "track", "Buy", {"product": value}, message_id=f"m{at:04}")
            for at, value in enumerate(values)
        ),
    ]
