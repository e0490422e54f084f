"""What SQL finds of values whose type nobody knows: numbers, texts, truth, times and lists of objects, as sent."""

from collections.abc import Sequence

import pytest

from tests.sinks.examples import event, insert, resolved
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

NUMBERS = {
    "12": "12", "12.50": "12.5", "-3": "-3", "1e3": "1000", "2.5E-3": "0.0025", "0": "0", "-0.0": "0",
    '"12.75"': "12.75", '" 5 "': "5", '"+5"': "5", '"007"': "7", '".5"': "0.5", '"5."': "5", '"1e3"': "1000",
    "1.2345": "1.2345", "0.123456789": "0.123456789", "0.30000000000000004": "0.3", "0.7999999999999999": "0.8",
    "-0.7999999999999999": "-0.8", "1e-12": "0", "999999999999999": "999999999999999",
    '"99999999999999.123456789"': "99999999999999.123456789", "1e14": "100000000000000",
}  # fmt: skip
NO_NUMBERS = (
    *("null", "true", "false", "[]", "[1]", '[{"a":1}]', "{}", '{"net":1}', '""', '" "', '"-"', '"."', '"+"', '"e5"'),
    *('"1.2.3"', '"1,5"', '"1.500,00"', '"1 000"', '"NaN"', '"inf"', '"-Infinity"', '"n/a"', '"0x10"', '"12 EUR"'),
    *('"１２"', '"2026-01-01"', '"1e400"', "1e300", "-1e300", "1e15", "1" * 40, '"1e66"', '"--5"'),  # noqa: RUF001
)


def sent(warehouse: Warehouse, workspace: str, values: Sequence[str], key: str = "v") -> None:
    """Write an event for each JSON value, in one batch and in this order."""
    texts = [f'{{"{key}":{value}}}' for value in values]
    events = [event(f"m{at:04}", workspace, properties=text) for at, text in enumerate(texts)]
    insert(warehouse, [resolved(one, at) for at, one in enumerate(events)])


def selected(warehouse: Warehouse, workspace: str, select: str, rest: str = "") -> list[tuple[object, ...]]:
    """What a query finds of the events of a workspace."""
    query = f"SELECT {select} FROM onefold.events WHERE workspace = {{workspace:String}} {rest}"
    return tuples(warehouse, query, {"workspace": workspace})


def in_order(warehouse: Warehouse, workspace: str, expression: str) -> list[object]:
    """What an expression is of each event."""
    return [row[0] for row in selected(warehouse, workspace, f"{expression} AS found, message_id", "ORDER BY 2")]


def test_a_number_is_what_was_sent_to_nine_decimals(warehouse: Warehouse, workspace: str) -> None:
    sent(warehouse, workspace, list(NUMBERS))
    found = in_order(warehouse, workspace, "toString(num(properties.v))")
    assert dict(zip(NUMBERS, found, strict=True)) == NUMBERS


def test_what_is_no_number_is_null(warehouse: Warehouse, workspace: str) -> None:
    sent(warehouse, workspace, NO_NUMBERS)
    found = in_order(warehouse, workspace, "num(properties.v)")
    assert {value: number for value, number in zip(NO_NUMBERS, found, strict=True) if number is not None} == {}


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_no_value_fails_a_sum_or_hides_another(warehouse: Warehouse, workspace: str, odd: str) -> None:
    sent(warehouse, workspace, ["1", odd, "0.5", '"2.25"'])
    found = selected(
        warehouse, workspace, "toString(sum(num(properties.v))) AS a, countIf(num(properties.v) > 0.7) AS b"
    )
    assert found == [("3.75", 2)]


def test_numbers_are_found_in_traits_in_context_below_other_keys_and_under_any_name(
    warehouse: Warehouse, workspace: str
) -> None:
    texts = {"properties": '{"cart":{"total":1},"net price":2,"金额":3,"a.b":4}', "traits": '{"age":5}'}
    insert(warehouse, [resolved(event("m", workspace, **texts, context='{"screen":{"width":6}}'), 0)])
    paths = ("properties.cart.total", "properties.`net price`", "properties.`金额`", "properties.`a%2Eb`", "traits.age")
    columns = ", ".join(f"toInt8(num({path})) AS c{at}" for at, path in enumerate((*paths, "context.screen.width")))
    assert selected(warehouse, workspace, columns) == [(1, 2, 3, 4, 5, 6)]


def test_sums_are_exact_and_have_room(warehouse: Warehouse) -> None:
    exact = "toString(sum(num(if(number % 2 = 0, '0.1', '0.2')))) AS a, toString(sum(num(999999999999999))) AS b"
    assert tuples(warehouse, f"SELECT {exact} FROM numbers(1000000)") == [("150000", "999999999999999000000")]


def test_products_of_the_largest_numbers_do_not_overflow(warehouse: Warehouse) -> None:
    largest = 10**15 - 1
    found = tuples(warehouse, f"SELECT toString(num('{largest}') * num('{largest}') * num('{largest}')) AS cube")
    assert found == [(str(largest**3),)]


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("avg(num(properties.v))", 2.5),
        ("max(num(properties.v))", 4),
        ("min(num(properties.v))", 1),
        ("quantile(0.5)(num(properties.v))", 2.5),
        ("quantileExact(0.5)(num(properties.v))", 3),
        ("median(num(properties.v))", 2.5),
        ("stddevPop(num(properties.v)) > 1", 1),
        ("sumIf(num(properties.v), num(properties.v) > 2.5)", 7),
        ("count(DISTINCT num(properties.v))", 4),
        ("argMax(message_id, num(properties.v))", "m0001"),
        ("round(sum(num(properties.v)) * 1.19, 2)", 11.9),
        ("sum(num(properties.v)) / count()", 1.666666666),
        ("sum(num(properties.v)) / nullIf(countIf(0), 0)", None),
        ("sum(num(properties.v) * num(properties.v))", 30),
        ("countIf(num(properties.v) IN (1, 2))", 2),
        ("countIf(num(properties.v) BETWEEN 1 AND 2.5)", 2),
        ("countIf(num(properties.v) = 4.0)", 1),
        ("sum(coalesce(num(properties.v), num(0.5)))", 11),
        ("sum(ifNull(num(properties.v), 0))", 10),
        ("sum(if(num(properties.v) IS NULL, 1, num(properties.v)))", 12),
        ("arraySum(groupArray(num(properties.v)))", 10),
        ("arraySum(arrayMap(v -> ifNull(num(v), 0), groupArray(text(properties.v))))", 10),
    ],
)
def test_a_number_can_be_counted_with(warehouse: Warehouse, workspace: str, select: str, found: object) -> None:
    sent(warehouse, workspace, ["1", "4", '"2"', "3.0", '"x"', "[9]"])
    assert selected(warehouse, workspace, f"{select} AS found") == [(found,)]


def test_numbers_group_order_and_run_through_windows(warehouse: Warehouse, workspace: str) -> None:
    sent(warehouse, workspace, ["2", '"2.0"', "1", "null"])
    grouped = selected(warehouse, workspace, "num(properties.v) AS v, count() AS c", "GROUP BY v ORDER BY v NULLS LAST")
    assert grouped == [(1, 1), (2, 2), (None, 1)]
    running = "message_id, sum(num(properties.v)) OVER (ORDER BY message_id) AS running"
    assert [row[1] for row in selected(warehouse, workspace, running, "ORDER BY 1")] == [2, 4, 5, 5]


def test_any_type_of_clickhouses_has_a_number_or_none(warehouse: Warehouse) -> None:
    numbers = ("1", "toDecimal64(1.5, 2)", "0.1", "num('1.25')", "toLowCardinality('5')", "toNullable('6')")
    others = (
        "NULL",
        "[1]",
        "now()",
        "true",
        "map('a', 1)",
        "toDate('2026-01-01')",
        "(1, 2)",
        "toUInt64(18446744073709551615)",
    )
    columns = ", ".join(f"num({value}) AS c{at}" for at, value in enumerate((*numbers, *others)))
    assert tuples(warehouse, f"SELECT {columns}") == [(1, 1.5, 0.1, 1.25, 5, 6, *[None] * len(others))]


def test_a_text_is_what_was_sent_and_null_where_nothing_was(warehouse: Warehouse, workspace: str) -> None:
    values = {
        '"A1"': "A1", '""': "", '" a "': " a ", "7": "7", "7.50": "7.5", "true": "true", "null": None, "{}": None,
        '["a",1]': '["a",1]', '[{"a":1}]': '[{"a":1}]', "[]": "[]", '"[1]"': "[1]", '"你好 \\"x\\""': '你好 "x"',
    }  # fmt: skip
    sent(warehouse, workspace, list(values))
    assert dict(zip(values, in_order(warehouse, workspace, "text(properties.v)"), strict=True)) == values
    found = selected(warehouse, workspace, "count() AS c", "AND text(properties.v) IN ('A1', '7')")
    assert found == [(2,)]
    assert selected(warehouse, workspace, "text(properties.v) AS v", "AND text(properties.v) LIKE 'A%'") == [("A1",)]


def test_a_truth_is_read_in_each_way_in_which_it_is_sent(warehouse: Warehouse, workspace: str) -> None:
    values = {
        "true": True, '"true"': True, '"True"': True, "1": True, '"1"': True, '"yes"': True, '" Y "': True,
        "false": False, '"on"': True, '"FALSE"': False, "0": False, '"no"': False, '"n"': False, '"off"': False,
        "null": None, '""': None, "2": None, '"maybe"': None, "[true]": None, "{}": None,
    }  # fmt: skip
    sent(warehouse, workspace, list(values))
    assert dict(zip(values, in_order(warehouse, workspace, "bool(properties.v)"), strict=True)) == values
    assert selected(warehouse, workspace, "countIf(bool(properties.v)) AS c") == [(8,)]


def test_a_time_is_read_where_it_is_beyond_doubt(warehouse: Warehouse, workspace: str) -> None:
    noon = "2026-10-01T12:00:00.000Z"
    values = {
        '"2026-10-01T12:00:00Z"': noon, '"2026-10-01T20:00:00+08:00"': noon, '"2026-10-01 12:00:00"': noon,
        '"2026-10-01T12:00"': noon, '"2026-10-01T12:00:00.123456Z"': "2026-10-01T12:00:00.123Z",
        '"2026-10-01"': "2026-10-01T00:00:00.000Z", "1790856000": noon, "1790856000000": noon, '"1790856000"': noon,
        "null": None, '""': None, "12": None, "2026": None, '"01/10/2026"': None, '"tomorrow"': None,
        '"2026-13-01"': None, '"2026-02-30"': None, "20261001": None, "[1790856000]": None, "true": None,
    }  # fmt: skip
    sent(warehouse, workspace, list(values))
    assert dict(zip(values, in_order(warehouse, workspace, "time(properties.v)"), strict=True)) == values
    days = "dateDiff('day', occurred_at, max(time(properties.v)) OVER ()) > 0 AS later"
    assert selected(warehouse, workspace, days, "LIMIT 1") == [(1,)]


BASKETS: dict[str, list[tuple[object, object]]] = {
    '[{"id":"tea","price":24,"quantity":1},{"id":"mug","price":18.5,"quantity":"2"}]': [("tea", 24), ("mug", 37)],
    '[{"id":"tea","price":"24.00"}]': [("tea", 24)],
    '[{"id":7,"price":2,"quantity":3,"variant":{"size":"L"},"tags":["new"],"a.b":1}]': [("7", 6)],
    '[{"id":"cup","price":5},null,3,"x",[1],{"id":"pot","price":"n/a"}]': [("cup", 5), ("pot", None)],
    '"[{\\"id\\":\\"jar\\",\\"price\\":7}]"': [("jar", 7)],
    '"[{\\"id\\":\\"urn\\",\\"price\\":8,\\"id\\":\\"keg\\"},{\\"id\\":\\"tub\\"}]"': [("urn", 8), ("tub", None)],
    '"[{\\"id\\":\\"can\\",\\"price\\":4,\\"a.b\\":1,\\"a%2Eb\\":2}]"': [("can", 4)],
    '[{"id":"pan","price":6,"id":"wok","price":60}]': [("pan", 6)],
    '[[{"id":"tin","price":100}]]': [],
    '["tea","mug"]': [],
    "[{}]": [(None, None)],
    "[]": [],
    "null": [],
    "{}": [],
    "5": [],
    '"tea"': [],
    '"[broken"': [],
}


@pytest.mark.parametrize("only", [None, *range(len(BASKETS))])
def test_each_product_of_a_list_is_a_row_whoever_else_sent_what(
    warehouse: Warehouse, workspace: str, only: int | None
) -> None:
    values = list(BASKETS) if only is None else [list(BASKETS)[only]]
    sent(warehouse, workspace, values, "products")
    query = """
        SELECT message_id, text(product.id) AS id, num(product.price) * coalesce(num(product.quantity), 1) AS paid
        FROM onefold.events ARRAY JOIN items(properties.products) AS product
        WHERE workspace = {workspace:String}
    """
    wanted = [(f"m{at:04}", *row) for at, value in enumerate(values) for row in BASKETS[value]]
    assert sorted(tuples(warehouse, query, {"workspace": workspace}), key=str) == sorted(wanted, key=str)


def test_products_can_be_added_up_without_rows_of_their_own(warehouse: Warehouse, workspace: str) -> None:
    sent(warehouse, workspace, ['[{"p":1.5,"v":{"size":"L"}},{"p":"2"},{"p":"x"}]', "null"], "products")
    total = "arraySum(product -> ifNull(num(product.p), 0), items(properties.products))"
    assert in_order(warehouse, workspace, total) == [3.5, 0]
    sizes = "arrayMap(product -> text(product.v.size), items(properties.products))"
    assert in_order(warehouse, workspace, sizes) == [["L", None, None], []]
