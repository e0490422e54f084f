"""Mistakes in traits and their expressions are told with line and column: one for each mistake."""

from pathlib import Path

import pytest

from tests.definitions.folders import errors_of

TRAITS = [
    ("trait: x", "1:1", "a trait must say how it comes about"),
    ("trait: x\nmerge: newest", "2:8", "known: latest, first, most_frequent, max, min, union"),
    ("trait: x\nmerge: frist", "2:8", "did you mean 'first'?"),
    ("trait: x\nattribute: y", "1:1", "needs the key 'merge'"),
    ("trait: x\nattribute: a..b\nmerge: first", "2:12", "is not a path"),
    ("trait: x\nmerge: first\nvalue: a", "3:1", "'merge' and 'value' in one trait"),
    ("trait: x\nmerge: first\nkind: account", "3:7", "traits of accounts are not supported yet"),
    ("trait: x\nmerge: first\ndestinations: [a]", "3:1", "a trait has no key 'destinations'"),
    ("trait: x\nstatistical: sum", "2:14", "must say which events"),
    ("trait: x\nstatistical: {sum: total, within: 1d}", "2:14", "must have one of event, page"),
    ("trait: x\nstatistical: {event: A, page: B, sum: total, within: 1d}", "2:25", "must have one of event, page"),
    ("trait: x\nstatistical: {event: A, within: 1d}", "2:14", "events without a measure"),
    ("trait: x\nstatistical: {event: A, sum: total}", "2:14", "needs the key 'within'"),
    ("trait: x\nstatistical: {event: A, sum: total, within: 1d, greater_than: 3}", "2:49", "has no key 'greater_than'"),
    ("trait: x\nstatistical: {event: A, sum: total, count: true, within: 1d}", "2:25", "'count' and 'sum'"),
    ("trait: x\ncases: []", "2:8", "takes a list of 1 to 100 cases"),
    ("trait: x\ncases: [gold]", "2:9", "a case must be a mapping"),
    ("trait: x\ncases: [{then: gold}]", "2:9", "needs the key 'when'"),
    ("trait: x\ncases: [{when: {trait: a, equals: 1}}]", "2:9", "needs the key 'then'"),
    ("trait: x\ncases: [{when: {trait: a, equals: 1}, then: 1, value: a}]", "2:48", "'then' and 'value' in one case"),
    ("trait: x\ncases: [{when: {trait: a, equals: 1}, then: [1]}]", "2:45", "takes a single text, number"),
    ("trait: x\ncases: [{when: {trait: a, equals: 1}, then: {valu: a}}]", "2:46", "has no key 'valu'"),
    ("trait: x\ncases: [{when: {trait: a, equals: 1}, else: 1, then: 1}]", "2:39", "a case has no key 'else'"),
    ("trait: x\notherwise: 1", "1:1", "'otherwise' without 'cases'"),
    ("trait: x\nvalue: a\notherwise: 1", "3:1", "'value' and 'otherwise' in one trait"),
    ("trait: x\nquery: SELECT 1 AS profile_id, 2 AS value", "1:1", "needs the key 'every'"),
    ("trait: x\nevery: 1h", "1:1", "needs the key 'query'"),
    ("trait: x\nevery: 1s\nquery: SELECT profile_id, value FROM a", "2:8", "shorter than a minute"),
    ("trait: x\nevery: 1h\nquery: DROP TABLE events", "3:8", "must begin with SELECT or WITH"),
    ("trait: x\nevery: 1h\nquery: SELECT score AS value FROM a", "3:8", "does not name the column 'profile_id'"),
    ("trait: x\nevery: 1h\nquery: SELECT profile_id FROM a", "3:8", "does not name the column 'value'"),
]
TRAITS_OF_TWO_ERRORS = [("trait: x\ncases: [{when: {trait: a, equals: 1}, then: {valu: a}}]", 2)]

EXPRESSIONS = [
    ("", 1, "must be an expression over traits"),
    ("[a]", 8, "must be an expression over traits"),
    ("a +", 8, "not an expression"),
    ("'a  +  $'", 15, "not an expression"),
    ("a ** 2", 8, "there is + - * / and nothing else"),
    ("a // 2", 8, "there is + - * / and nothing else"),
    ("2 * (a > 3)", 13, "give a value by condition with `cases`"),
    ("a and b", 8, "give a value by condition with `cases`"),
    ("a if b else c", 8, "give a value by condition with `cases`"),
    ("1 + rond(a)", 12, "there is no function 'rond' (did you mean 'round'?)"),
    ("__import__('os')", 8, "there is no function '__import__'"),
    ("a.b(1)", 8, "there is no function 'a.b'"),
    ("round(a, b)", 17, "round() takes 0 to 6 digits"),
    ("round(a, 7)", 17, "round() takes 0 to 6 digits"),
    ("round(a, true)", 17, "round() takes 0 to 6 digits"),
    ("min(a)", 8, "min() takes 2 to 10 arguments, not 1"),
    ("age(a, b)", 8, "age() takes 1 arguments, not 2"),
    ("max(*a)", 8, "one after the other"),
    ("round(a, digits=2)", 8, "one after the other"),
    ("round / 2", 8, "round is a function (write `round(...)`, or `trait('round')` for the trait of that name)"),
    ("'\"x\" + a'", 9, "is no number"),
    ("a + true", 12, "is no number"),
    ("days_since(3)", 19, "is no time"),
    ("days_since(2026-10-10)", 19, "is no time (in quotes: '2026-10-10')"),
    ("1 + age(2026-01-01)", 16, "a date stands in quotes (write '2026-01-01')"),
    ("days_since(a / 2)", 19, "is no time"),
    ("length('abc')", 15, "is no list"),
    ("days_since('soon')", 19, "is no time"),
    ("a[0]", 8, "cannot stand in an expression"),
    ("f'{a}'", 8, "cannot stand in an expression"),
    ("'[a for a in b]'", 9, "cannot stand in an expression"),
    ("'lambda: a'", 9, "cannot stand in an expression"),
    ("None", 8, "cannot stand in an expression"),
    ("f(a).b", 8, "is no trait"),
    ("trait(a)", 8, "takes one name in quotes"),
    ("trait('')", 8, "takes one name in quotes"),
    ("trait('a..b')", 8, "is not a path"),
    ("9" * 30, 8, "out of range"),
    ("1e999", 8, "out of range"),
    ("(" * 300 + "a" + ")" * 300, 208, "not an expression"),
    ("+".join("a" * 101), 8, "more than 100 parts"),
    ("a" * 1_001, 8, "at most 1000 characters"),
    ("消费 / 订单 ** 2", 13, "there is + - * / and nothing else"),
    ("消费 + (订单 > 2)", 14, "give a value by condition"),
]


@pytest.mark.parametrize(("text", "position", "says"), TRAITS)
def test_a_mistake_names_its_position(tmp_path: Path, text: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"traits/t.yaml": text})
    assert [error for error in errors if error.startswith(f"traits/t.yaml:{position}: ") and says in error], errors
    assert len(errors) == dict(TRAITS_OF_TWO_ERRORS).get(text, 1), errors


@pytest.mark.parametrize(("value", "column", "says"), EXPRESSIONS)
def test_a_mistake_in_an_expression_names_its_position(tmp_path: Path, value: str, column: int, says: str) -> None:
    errors = errors_of(tmp_path, {"traits/t.yaml": f"trait: x\nvalue: {value}"})
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"traits/t.yaml:2:{column}: ")
    assert says in errors[0]


@pytest.mark.parametrize("style", ["|\n  a +\n  foo(b)", ">\n  a +\n  foo(b)", '"a + \\"x\\""', '"a +\n  foo(b)"'])
def test_a_text_that_is_not_written_as_it_is_has_one_position(tmp_path: Path, style: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": f"trait: x\nvalue: {style}"})
    assert error.startswith("traits/t.yaml:2:8: ")
