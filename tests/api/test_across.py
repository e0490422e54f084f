"""The values of a trigger across persons as an explanation shows them."""

import pytest

from api.across import shown_values
from definitions.across import Memory, evaluate, key_of
from tests.sinks.examples import insert
from tests.warehouse.queries.test_across import MANY, START, viewed
from warehouse.client import Warehouse
from warehouse.queries.across import TriggerTicks, find_numbers

pytestmark = pytest.mark.stack


def test_a_text_a_number_and_a_truth_are_shown_as_what_they_are(warehouse: Warehouse, workspace: str) -> None:
    values: list[object] = ["1", "1", 1, True, "true", ""]
    insert(warehouse, [viewed(workspace, number, START, value) for number, value in enumerate(values)])
    ticks = TriggerTicks(MANY, workspace, START, START)
    memory = evaluate(MANY, None, START, START, find_numbers(warehouse, ticks, 1), None).memory
    shown = shown_values(warehouse, ticks, memory, "")
    assert [(repr(each.value), each.number, each.holds) for each in shown[:1]] == [("'1'", 2, True)]
    assert {repr(each.value) for each in shown} == {"'1'", "1", "True", "'true'", "''"}
    assert shown[0].since == shown[0].fired_at == "2023-11-14T22:15:00.000Z", "as remembered"
    assert [each.fired_at for each in shown[1:]] == [None] * 4
    for wanted, expected in (("1", ["1", 1]), ('"1"', ["1"]), ("true", ["true", True]), ('""', [""]), ("2", [])):
        found = [each.value for each in shown_values(warehouse, ticks, Memory("", 0), wanted)]
        assert sorted(map(repr, found)) == sorted(map(repr, expected)), wanted
    assert key_of('"1"') in memory.fired


def test_of_all_events_together_there_is_no_value(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [viewed(workspace, number, START, "") for number in range(3)])
    together = MANY.__class__(MANY.name, MANY.events, MANY.within_ms, 3)
    (shown,) = shown_values(warehouse, TriggerTicks(together, workspace, START, START), None, "")
    assert (shown.value, shown.number, shown.holds) == (None, 3, True)
