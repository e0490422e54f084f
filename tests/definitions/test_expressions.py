"""Expressions over traits, as the model: Python's arithmetic, a few functions, names of any script."""

import json
from pathlib import Path

import pytest

from definitions import load
from definitions.explaining.wording import expression_in_words
from definitions.model import Expression, Function, Literally, Rule, TraitValue
from tests.definitions.folders import write

A, B = TraitValue(("a",)), TraitValue(("b",))


def of(name: str, *arguments: Expression) -> Function:
    return Function(name, arguments)


EXPRESSIONS: list[tuple[str, Expression]] = [
    ("a", A),
    ("5", Literally(5)),
    ("-5", Literally(-5)),
    ("1.50", Literally(1.5)),
    ("'\"gold\"'", Literally("gold")),
    ("true", Literally(True)),
    ("a + b * 2", of("add", A, of("multiply", B, Literally(2)))),
    ("(a + b) * 2", of("multiply", of("add", A, B), Literally(2))),
    ("a - b - 1", of("subtract", of("subtract", A, B), Literally(1))),
    ("a / b", of("divide", A, B)),
    ("-a", of("negate", A)),
    ("round(a)", of("round", A, Literally(0))),
    ("round(a / b, 2)", of("round", of("divide", A, B), Literally(2))),
    ("floor(a)", of("floor", A)),
    ("min(a, b, 3)", of("min", A, B, Literally(3))),
    ("max(a, 0)", of("max", A, Literally(0))),
    ("coalesce(a, 'x')", of("coalesce", A, Literally("x"))),
    ("length(a)", of("length", A)),
    ("days_since(a)", of("days_since", A)),
    ("days_since('2026-01-31')", of("days_since", Literally("2026-01-31"))),
    ("age(birthday)", of("age", TraitValue(("birthday",)))),
    ("address.city", TraitValue(("address", "city"))),
    ("trait('customer level') / 2", of("divide", TraitValue(("customer level",)), Literally(2))),
    ("trait('address.zip code')", TraitValue(("address", "zip code"))),
    (r"trait('utm\.source') / 2", of("divide", TraitValue(("utm.source",)), Literally(2))),
    (r"trait('it is\.x.y z')", TraitValue(("it is.x", "y z"))),
    (r"trait('a\\\\.b\.c')", TraitValue(("a\\", "b.c"))),
    ('trait("it\'s")', TraitValue(("it's",))),
    ("消费 / 订单数", of("divide", TraitValue(("消费",)), TraitValue(("订单数",)))),
    ("ﬁn", TraitValue(("ﬁn",))),
    ("|\n  a +\n  b", of("add", A, B)),
    (">\n  a +\n  b", of("add", A, B)),
    ('"  a + b "', of("add", A, B)),
]


@pytest.mark.parametrize(("text", "expression"), EXPRESSIONS)
def test_an_expression_says(tmp_path: Path, text: str, expression: Expression) -> None:
    (trait,) = load(write(tmp_path, {"traits/t.yaml": f"trait: x\nvalue: {text}"})).traits
    assert trait.value == Rule((), expression)
    words = json.dumps(expression_in_words(expression), ensure_ascii=False)
    (explained,) = load(write(tmp_path, {"traits/t.yaml": f"trait: x\nvalue: {words}"})).traits
    assert explained.value == trait.value
