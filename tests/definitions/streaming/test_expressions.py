"""Values of rules and expressions, and until when they last."""

from datetime import UTC, datetime

import pytest

from definitions import NEVER, Definitions, Value, compile_program
from definitions.model import (
    Case,
    Comparison,
    Expression,
    Function,
    Literally,
    Operator,
    Rule,
    Trait,
    TraitComparison,
    TraitValue,
)
from definitions.streaming.times import DAY_MS, text_of, time_of
from tests.definitions.streaming.subjects import Known

X, Y = TraitValue(("x",)), TraitValue(("y",))


def ms(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


def value_of(rule: Rule | Expression, now: int = 0, **traits: object) -> Value:
    rule = rule if isinstance(rule, Rule) else Rule((), rule)
    program = compile_program(Definitions(traits=(Trait("t", rule),)))
    return program.traits[0].evaluate(Known(program, traits=traits), now)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add", (0.1, 0.2), 0.1 + 0.2),
        ("subtract", (1, 3), -2),
        ("multiply", (2, 1.5), 3),
        ("multiply", (1e200, 1e200), None),
        ("divide", (1, 4), 0.25),
        ("divide", (1, 0), None),
        ("negate", (5,), -5),
        ("round", (2.5, 0), 2),
        ("round", (3.5, 0), 4),
        ("round", (2.675, 2), 2.68),
        ("round", (1234, -2), 1200),
        ("floor", (-1.5,), -2),
        ("min", (3, 1, 2), 1),
        ("max", (3,), 3),
        ("add", ("1", 2), None),
        ("add", (True, 2), None),
        ("add", (None, 2), None),
        ("coalesce", (None, "a", 1), "a"),
        ("length", (["a", 1, None],), 3),
        ("length", ("abc",), None),
        ("length", ({"a": 1},), None),
    ],
)
def test_functions_of_values(name: str, arguments: tuple[object, ...], expected: object) -> None:
    given = {f"a{number}": argument for number, argument in enumerate(arguments)}
    assert value_of(Function(name, tuple(TraitValue((trait,)) for trait in given)), 0, **given) == (expected, NEVER)


def test_days_since_a_time_change_after_whole_days() -> None:
    days = Function("days_since", (X,))
    assert value_of(days, ms(2024, 1, 3), x="2024-01-01T00:00:00Z") == (2, ms(2024, 1, 4))
    assert value_of(days, ms(2024, 1, 3) - 1, x="2024-01-01T00:00:00Z") == (1, ms(2024, 1, 3))
    assert value_of(days, ms(2024, 1, 1), x="2024-01-01T12:00Z") == (-1, ms(2024, 1, 1, 12))
    assert value_of(days, 0, x="yesterday") == (None, NEVER)


def test_an_age_changes_on_the_birthday() -> None:
    age = Function("age", (X,))
    assert value_of(age, ms(2024, 5, 16, 23), x="1990-05-17") == (33, ms(2024, 5, 17))
    assert value_of(age, ms(2024, 5, 17), x="1990-05-17") == (34, ms(2025, 5, 17))


def test_who_was_born_on_29_february_has_the_birthday_on_1_march_of_other_years() -> None:
    age = Function("age", (X,))
    assert value_of(age, ms(2023, 2, 28, 23), x="2000-02-29") == (22, ms(2023, 3, 1))
    assert value_of(age, ms(2023, 3, 1), x="2000-02-29") == (23, ms(2024, 2, 29))


def test_a_rule_has_the_value_of_the_first_case_that_holds_until_one_before_it_may() -> None:
    soon = TraitComparison(("due",), (Comparison(Operator.WITHIN_NEXT, 5),))
    rule = Rule(
        (Case(soon, Literally("soon")), Case(TraitComparison(("x",), (Comparison(Operator.EXISTS, True),)), X)), Y
    )
    due = text_of(20)
    assert value_of(rule, 0, due=due, x=1) == (1, 15)
    assert value_of(rule, 15, due=due, x=1) == ("soon", 20)
    assert value_of(rule, 20, due=due, y=[1]) == ([1], NEVER)
    assert value_of(Rule((Case(soon, X),)), 30, due=due) == (None, NEVER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00.0019", 1),
        ("1970-01-01 01:00+01", 0),
        ("1969-12-31T23:30-0030", 0),
        ("1970-01-01T00:00:60Z", None),
        ("1970-02-30", None),
        ("19700101", None),
        ("1970-01-01T00:00+24:00", None),
        ("0001-01-01T00:00+01:00", None),
        ("٢٠٢٤-01-01", None),
        (0, None),
    ],
)
def test_times_are_texts_of_one_grammar(text: object, expected: int | None) -> None:
    assert time_of(text) == expected


def test_a_time_is_shown_as_it_is_read() -> None:
    for time in (0, -1, 1_700_000_000_123, ms(1, 1, 1), ms(9999, 12, 31) + DAY_MS - 1):
        assert time_of(text_of(time)) == time
    assert text_of(1_700_000_000_120) == "2023-11-14T22:13:20.120Z"
    assert text_of(2**62) is None
