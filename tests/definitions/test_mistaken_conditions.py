"""Mistakes in conditions are told with line and column, what is wrong, and what to do: one for each mistake."""

from pathlib import Path

import pytest

from tests.definitions.folders import errors_of, load_segment

SEVERAL = [
    ("{event: [], within: 1d}", 15, "takes a name or a list of 1 to 100 names"),
    ("{event: [Buy, Buy], within: 1d}", 21, "'Buy' is given twice"),
    ("{event: [Buy, [Sell]], within: 1d}", 21, "must be a text"),
    ("{type: [page, scren], within: 1d}", 21, "did you mean 'screen'?"),
    ("{events: Buy, within: 1d}", 16, "takes a list of calls"),
    ("{events: [Buy], within: 1d}", 17, "is a mapping with one of event, page, screen, type"),
    ("{events: [{event: Buy, where: {a: 1}}], within: 1d}", 17, "is a mapping with one of"),
    ("{event: Buy, page: Cart, within: 1d}", 20, "to count them together: `events:"),
]
COUNTS = [
    ("{event: Buy, within: 1d, at_least: 3, at_most: 2}", 45, "at_least 3 and at_most 2 contradict each other"),
    ("{event: Buy, within: 1d, exactly: 3, at_most: 2}", 44, "'at_most' beside 'exactly'"),
    ("{event: Buy, within: 1d, exactly: -1}", 41, "a whole number from 0 to 1000"),
    ("{event: Buy, within: 1d, at_most: 1001}", 41, "a whole number from 0 to 1000"),
    ("{event: Buy, within: 1d, at_most: 2, same: sku}", 44, "add `at_least: 1`"),
    ("{event: Buy, within: 1d, same: [sku]}", 38, "must name a property"),
    ("{event: Buy, within: 1d, same: {contxt: a}}", 38, "must name a property"),
    ("{event: Buy, within: 1d, same: a..b}", 38, "is not a path"),
    ("{event: Buy, within: 7}", 28, "; or session, or ever"),
    ("{event: Buy, within: sesion}", 28, "; or session, or ever"),
    ("{event: Buy, within: [session]}", 28, "`within: [session, 5m]`"),
    ("{event: Buy, within: [1d, 5m]}", 28, "`within: [session, 5m]`"),
    ("{event: Buy, within: 1d, equals: 3}", 32, "has no key 'equals'"),
    ("{event: Buy, within: 1d, where: {at: {within_last: 3d}}}", 45, "'within_last' compares with now"),
    ("{event: Buy, within: 1d, context: {at: {longer_ago_than: 3d}}}", 47, "'longer_ago_than' compares with now"),
    ("{event: Buy, within: 1d, where: {total: {greater_than: 5, less_than: 3}}}", 47, "greater_than 5 and less_than 3"),
    ("{event: Buy, within: 1d, context: locale}", 41, "must name context"),
    ("{event: Buy, within: 1d, where: {sku: {matches: '(a'}}}", 55, "'(a' is none: missing ): (a"),
    ("{event: Buy, within: 1d, where: {sku: {matches: '(?=a)'}}}", 55, "(RE2)"),
    ("{event: Buy, within: 1d, where: {sku: {equals: a, ends_with: b}}}", 45, "no value of equals passes the others"),
    ("{event: Buy, within: 1d, where: {sku: {equals: 5, not_contains: '5', matches: '5'}}}", 45, "no value of equals"),
    ("{event: Buy, within: ever, occurred: 2026-11-11}", 44, "must name a period"),
    ("{event: Buy, within: ever, occurred: {form: 2026-11-11}}", 45, "did you mean 'from'"),
    ("{event: Buy, within: ever, occurred: {from: 11 November}}", 51, "takes a date"),
    ("{event: Buy, within: ever, occurred: {from: 2026-11-12, before: 2026-11-12}}", 44, "ends before it begins"),
]
AGGREGATES = [
    ("{event: Buy, sum: total, within: 1d}", 7, "is compared with nothing"),
    ("{event: Buy, sum: total, greater_than: 3}", 7, "needs the key 'within'"),
    ("{event: Buy, sum: true, within: 1d, greater_than: 3}", 25, "'sum' needs a property"),
    ("{event: Buy, count: false, within: 1d, greater_than: 3}", 27, "`count: true`"),
    ("{event: Buy, sum: total, max: total, within: 1d, greater_than: 3}", 32, "'sum' and 'max' in one measure"),
    ("{event: Buy, sum: total, within: 1d, at_least: 3}", 44, "use greater_or_equal"),
    ("{event: Buy, sum: total, within: 1d, starts_with: a}", 44, "the sum is a number"),
    ("{event: Buy, sum: total, within: 1d, equals: a}", 44, "the sum is a number"),
    ("{event: Buy, last_at: true, within: ever, greater_than: 3}", 49, "the last_at is a time"),
    ("{event: Buy, values: sku, within: 1d, equals: a}", 45, "the values is a list"),
    ("{event: Buy, average: total, within: 1d, before: 2026-01-01}", 48, "the average is a number"),
]
SESSIONS = [
    ("{sessions: 3, within: 7d}", 18, "takes the word 'any' (each session counts: `sessions: any`)"),
    ("{sessions: [any], within: 7d}", 18, "takes the word 'any'"),
    ("{sessions: any}", 7, "needs the key 'within'"),
    ("{sessions: any, within: session}", 31, "the sessions of one session"),
    ("{sessions: any, within: [session, 5m]}", 31, "the sessions of one session"),
    (
        "{sessions: any, within: 7d, where: {a: 1}}",
        35,
        "'where' beside 'sessions': they count whatever happens in them",
    ),
    ("{sessions: any, within: 7d, same: a}", 35, "'same' beside 'sessions'"),
    ("{sessions: any, within: 7d, sum: total, greater_than: 1}", 35, "'sum' of sessions, which have no properties"),
    ("{sessions: any, within: 7d, count: total, greater_than: 1}", 35, "one of `count: true`, `first_at: true`"),
    ("{sessions: any, within: 7d, last_at: true, greater_than: 3}", 50, "the last_at is a time"),
    ("{sessions: any, event: Buy, within: 7d}", 8, "'event' and 'sessions' in one condition"),
    ("{session: any, at_least: 3}", 17, "to count them: `{sessions: any, at_least: 3, within: 7d}`"),
    ("{sequence: [{sessions: any}, {event: A, within: 1h}], within: 1d}", 19, "a step must have one of event"),
]
SEQUENCES = [
    ("{sequence: Buy, within: 1d}", 18, "takes a list of steps"),
    ("{sequence: [], within: 1d}", 18, "takes a list of steps"),
    ("{sequence: [{event: A}], within: 1d}", 18, "a sequence needs two steps"),
    ("{sequence: [A, {event: B, within: 1h}], within: 1d}", 19, "a step must say which events"),
    ("{sequence: [{event: A}, {event: B, within: 1h}]}", 7, "needs the key 'within'"),
    ("{sequence: [{event: A}, {event: B, within: 1h}], within: ever}", 64, "would have no end"),
    ("{sequence: [{event: A}, {event: B, within: 1h}], within: session}", 64, "`within: 30m` in the later"),
    ("{sequence: [{event: A}, {event: B}], within: 1d}", 31, "how soon after the one before"),
    ("{sequence: [{event: A, within: 1h}, {event: B, within: 1h}], within: 1d}", 30, "'within' in the first step"),
    ("{sequence: [{event: A, times: 2}, {event: B, within: 1h}], within: 1d}", 19, "needs the key 'within'"),
    ("{sequence: [{event: A, without: {event: C}}, {event: B, within: 1h}], within: 1d}", 30, "nothing lies before"),
    ("{sequence: [{event: A}, {event: B, within: 1}], within: 1d}", 50, "; or ever"),
    ("{sequence: [{event: A}, {event: B, within: 1h, times: 20}], within: 1d}", 18, "more than 20 steps"),
    ("{sequence: [{event: A}, {event: B, within: 1h, at_least: 2}], within: 1d}", 54, "has no key 'at_least'"),
    ("{sequence: [{event: A}, {evnt: B, within: 1h}], within: 1d}", 31, "a step must have one of"),
    ("{sequence: [{event: A}, {event: B, page: C, within: 1h}], within: 1d}", 42, "a step must have one of"),
    ("{sequence: [{event: A}, {not: {event: B}}], within: 1d}", 31, "needs the key 'within'"),
    ("{sequence: [{event: A}, {not: {event: B}, within: ever}], within: 1d}", 57, "never decided"),
    ("{sequence: [{event: A}, {not: B, within: 1h}], within: 1d}", 37, "'not' of a step must say which events"),
    ("{sequence: [{event: A}, {not: {event: B, within: 1h}, within: 1h}], within: 1d}", 48, "has no key 'within'"),
    (
        "{sequence: [{event: A}, {not: {event: B}, within: 1h}, {event: C, within: 1h}], within: 1d}",
        32,
        "write `without:` in the second one",
    ),
    (
        "{sequence: [{event: A}, {event: B, within: 1h, without: {event: [C], at_least: 2}}], within: 1d}",
        76,
        "'without' has no key 'at_least'",
    ),
    ("{sequence: [{event: A}, {event: B, within: 1h}], within: 1d, at_least: 101}", 78, "from 1 to 100"),
    ("{sequence: [{event: A}, {event: B, within: 1h}], within: 1d, where: {a: 1}}", 68, "has no key 'where'"),
]
CONFUSED = [
    ("{and: [{segment: other}]}", 8, "use `all: [...]`"),
    ("{or: [{segment: other}]}", 8, "use `any: [...]`"),
    ("{AND: [{segment: other}]}", 8, "use `all: [...]`"),
    ("{none: [{segment: other}]}", 8, "use `not: {any: [...]}`"),
    ("{event:Buy, within: 1d}", 8, "`event: Buy`"),
    ("{event\uff1aBuy, within: 1d}", 8, "`event: Buy`"),
    ("{event: Buy, count: 2, within: 1d}", 27, "`at_least: 2`"),
    ("{event: Buy, mean: total, within: 1d}", 20, "use average"),
    ("{event: Buy, within: 1d, where: {'products[0].sku': a}}", 40, "looks into a list"),
    ("{event: Buy, within: 1d, same: 'products[*].sku'}", 38, "looks into a list"),
    ("{event: Buy, within: 1d, where: {total: '> 100'}}", 47, "(write `{greater_than: 100}`; if it is the text,"),
    ("{event: Buy, within: 1d, context: {age: '<=18'}}", 47, "write `{less_or_equal: 18}`"),
    ("{trait: city, in: [北京\uff0c上海]}", 26, "one text: \uff0c (U+FF0C) divides nothing"),
    ("{event: [下单\u3001支付], within: 1d}", 16, "one text: \u3001 (U+3001) divides nothing"),
    ("{session: last, device: phone}", 31, "did you mean 'mobile'?"),
    ("{session: last, device: {in: [mobile, Tablet]}}", 36, "did you mean 'tablet'?"),
    ("{session: last, channel: Paid-Search}", 32, "did you mean 'paid search'?"),
    ("{session: last, country: de}", 32, "did you mean 'DE'?"),
    ("{session: last, country: {not_equals: Germany}}", 45, "two capital letters"),
]
RANGES = [
    ("{event: Buy, count: true, within: 7d, greater_than: 1000}", 45, "from 0 to 1000"),
    ("{event: Buy, count: sku, within: session, equals: 1001}", 49, "from 0 to 1000"),
    ("{event: Buy, distinct: sku, within: ever, greater_or_equal: 201}", 49, "from 0 to 200"),
    ("{event: Buy, count: true, within: ever, less_than: 0}", 47, "from 0 on"),
    ("{sessions: any, count: true, within: ever, greater_than: 1000}", 50, "from 0 to 1000"),
    ("{trait: orders, greater_than: 1000}", 15, "from 0 to 1000"),
]
OTHERS = [
    ("{trait: x, greater_than: 5, less_than: 3}", 7, "greater_than 5 and less_than 3"),
    ("{trait: x, greater_or_equal: 5, less_than: 5}", 7, "greater_or_equal 5 and less_than 5"),
    ("{trait: x, equals: 3, greater_than: 5}", 7, "no value of equals passes the others"),
    ("{trait: x, in: [a, b], not_in: [b, a]}", 7, "no value of in passes the others"),
    ("{trait: x, equals: ab, starts_with: b}", 7, "no value of equals passes the others"),
    ("{trait: x, equals: 1, in: [true]}", 7, "no value of equals passes the others"),
    ("{trait: x, after: 2026-01-01, before: 2026-01-01T00:00:00.001Z}", 7, "after and before leave no time"),
    ("{trait: x, exists: false, equals: 3}", 7, "exists: false and equals"),
    ("{trait: x, greater_than: 3, starts_with: a}", 7, "greater_than is of numbers"),
    ("{trait: x, before: 2026-01-01, after: 2026-01-01}", 7, "after and before leave no time"),
    ("{trait: x, within_last: 7d, longer_ago_than: 30d}", 7, "longer_ago_than is not less than within_last"),
    ("{trait: x, within_last: 7d, within_next: 30d}", 7, "within_next is of the time to come"),
    ("{trait: x, before: yesterday}", 26, "such as 2026-01-31"),
    ("{trait: x, before: 2026-02-30}", 26, "such as 2026-01-31"),
    ("{trait: x, before: 20260101}", 26, "with hyphens: 2026-01-01"),
    ("{trait: x, after: '2026.01.31'}", 25, "with hyphens: 2026-01-31"),
    ("{trait: x, after: 1700000000}", 25, "such as 2026-01-31"),
    ("{trait: x, '>': 5}", 18, "use greater_than"),
    ("{trait: x, '>=': 5}", 18, "use greater_or_equal"),
    ("{trait: x, <: 5}", 18, "use less_than"),
    ("{trait: x, ==: 5}", 18, "use equals"),
    ("{trait: x, '!=': 5}", 18, "use not_equals"),
    ("{trait: x, GTE: 5}", 18, "use greater_or_equal"),
    ("{trait: x, equals: 9007199254740993}", 26, 'send it as a text, and quote it here: "9007199254740993"'),
    ("{trait: x, in: [1, -1234567890123456789]}", 26, "beyond 2^53"),
    ("{event: Buy, within: 1d, where: {sku: 12345678901234567890123}}", 45, "beyond 2^53"),
    ("{trait: x, greater_than: 2026-01-01}", 32, "for dates use before, after"),
    ("{trait: x, within_last: 30}", 31, "must be a duration"),
    ("{trait: x, older_than: 30d}", 18, "use longer_ago_than"),
    ("{session: last}", 7, "without a fact of it"),
    ("{session: lst, source: google}", 17, "did you mean 'last'?"),
    ("{session: last, sorce: google}", 23, "did you mean 'source'?"),
    ("{session: last, keyword: 2026}", 32, "quote it"),
    ("{session: last, keyword: {greater_than: 3}}", 47, "'keyword' is a text"),
    ("{session: last, keyword: {within_last: 3d}}", 33, "compares with now"),
    ("{segment: other, within: 3d}", 24, "has no key 'within'"),
    ("{segment: othr}", 17, "there is no segment 'othr' (did you mean 'other'?"),
    ("{sample: 10%}", 7, "needs the key 'salt'"),
    ("{sample: 10, salt: a}", 16, "from 0.1% to 99.9%"),
    ("{sample: 0%, salt: a}", 16, "from 0.1% to 99.9%"),
    ("{sample: 100%, salt: a}", 16, "from 0.1% to 99.9%"),
]
GROUPS = [
    ("{all: [{event: A, within: 1d}, {not: {event: A, within: 1d}}]}", 38, "the `not` of another"),
    ("{all: [{not: {segment: other}}, {segment: other}]}", 39, "the `not` of another"),
    ("{all: [{all: [{segment: other}]}, {not: {segment: other}}]}", 41, "the `not` of another"),
    ("{all: [{segment: other}, {all: [{all: [{not: {segment: other}}]}]}]}", 32, "the `not` of another"),
    ("{any: [{event: A, within: 1d}, {not: {event: A, within: 1d}}]}", 38, "always hold"),
    (
        "{all: [{event: A, within: 1d, where: {x: 5}}, {event: A, exactly: 0, within: 30d}]}",
        53,
        "at least 1 and at most 0 of the same events",
    ),
    (
        "{all: [{event: A, within: 1d}, {not: {any: [{event: A, within: 1d}, {event: B, within: 1d}]}}]}",
        38,
        "the `not` of another",
    ),
    (
        "{all: [{trait: x, equals: a}, {any: [{trait: x, equals: b}, {trait: x, equals: c}]}]}",
        37,
        "no value of equals passes the others",
    ),
    (
        "{all: [{sample: 10%, salt: w}, {not: {sample: 20%, salt: w}}]}",
        38,
        "a sample without a larger one of the same salt",
    ),
    ("{all: [{trait: a, greater_than: 5}, {trait: a, less_than: 4}]}", 43, "greater_than 5 and less_than 4"),
    (
        "{all: [{event: A, within: 1h, at_least: 2}, {not: {event: A, within: 1d}}]}",
        51,
        "at least 2 and at most 0 of the same events",
    ),
    (
        "{all: [{event: A, within: 1d, at_most: 2}, {event: A, within: 1h, at_least: 3}]}",
        50,
        "at least 3 and at most 2 of the same events",
    ),
    (
        "{all: [{event: A, within: ever, at_most: 2}, {event: A, within: session, at_least: 3}]}",
        52,
        "at least 3 and at most 2 of the same events",
    ),
    (
        "{all: [{event: A, sum: x, within: 1d, less_than: 3}, {event: A, sum: x, within: 1d, greater_than: 3}]}",
        60,
        "greater_than 3 and less_than 3",
    ),
]


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [*SEVERAL, *COUNTS, *AGGREGATES, *SESSIONS, *SEQUENCES, *OTHERS, *CONFUSED, *RANGES, *GROUPS],
)
def test_a_mistake_names_its_position(tmp_path: Path, text: str, column: int, says: str) -> None:
    files = {
        "segments/other.yaml": "segment: other\nwhen: {trait: a, exists: true}",
        "segments/s.yaml": f"segment: s\nwhen: {text}",
        "traits/orders.yaml": "trait: orders\nstatistical: {event: Buy, count: true, within: 30d}",
    }
    errors = errors_of(tmp_path, files)
    assert len(errors) == 1, errors
    assert errors[0].startswith(f"segments/s.yaml:2:{column}: ")
    assert says in errors[0]


SENSIBLE = [
    "{all: [{event: A, within: 1h, at_least: 2}, {event: A, within: 1d, at_most: 2}]}",
    "{all: [{event: A, within: 1d}, {not: {event: A, within: 1h}}]}",
    "{all: [{event: A, within: 1d, at_least: 3}, {event: A, within: 1h, at_most: 2}]}",
    "{all: [{event: A, within: 1d}, {not: {event: A, within: session}}]}",
    "{all: [{trait: a, greater_than: 5}, {trait: b, less_than: 4}]}",
    "{all: [{trait: a, contains: x}, {trait: a, contains: y}]}",
    "{all: [{trait: a, not_equals: x}, {trait: a, not_equals: y}]}",
    "{any: [{event: A, within: 1d}, {not: {event: A, within: 2d}}]}",
    "{any: [{trait: a, greater_than: 5}, {trait: a, less_than: 4}]}",
    "{trait: x, greater_or_equal: 5, less_or_equal: 5}",
    "{trait: x, within_last: 30d, longer_ago_than: 7d}",
    "{trait: x, after: 2026-01-01, before: 2026-01-01T00:00:00.002Z}",
    "{trait: x, in: [a, 1, true], not_equals: 1}",
    "{trait: x, equals: 1, greater_or_equal: 1.0}",
    "{all: [{event: A, within: 1d, same: x, at_least: 2}, {event: A, within: 1d, at_most: 5}]}",
]


@pytest.mark.parametrize("text", SENSIBLE)
def test_what_can_hold_and_fail_is_accepted(tmp_path: Path, text: str) -> None:
    assert load_segment(tmp_path, f"segment: s\nwhen: {text}").segments
