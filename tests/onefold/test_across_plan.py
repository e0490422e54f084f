"""What a plan says of a trigger across persons: its cost, and what it would have fired in the last day."""

import io
import uuid
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from definitions import Definitions
from definitions.model import AcrossTrigger, Usual
from definitions.sets.folder import Draft
from embedded.terminal import Terminal
from onefold.definition_plan import DefinitionPlan, planned
from onefold.definition_plan_tree import plan_tree
from onefold.predictions import predicted
from runtime.clock import now_ms
from settings import Workspace
from tests.sinks.examples import Placed, insert
from tests.warehouse.queries.test_across import MANY, MINUTE, viewed
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

HOUR = 3_600_000


def plan(warehouse: Warehouse, workspace: str, trigger: AcrossTrigger) -> DefinitionPlan:
    definitions = Definitions(across=(trigger,))
    of = Workspace(workspace, uuid.UUID(int=1))
    return predicted(warehouse, planned(None, Draft(definitions, {})), definitions, [of])


def text(of: DefinitionPlan) -> str:
    shown = io.StringIO()
    Terminal(file=shown, width=200).print(plan_tree(of))
    return shown.getvalue()


def bursts(workspace: str, now: int) -> Iterator[Placed]:
    """Two views of one product at a time: before the last day, on its edge, and twice within it."""
    for number, ago in enumerate((30 * HOUR, 20 * HOUR, 5 * HOUR)):
        for each in range(3):
            yield viewed(workspace, 10 * number + each, now - ago + each)


def test_the_last_day_is_played_and_told_with_the_cost(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, list(bursts(workspace, now_ms())))
    made = plan(warehouse, workspace, MANY)
    assert [(each.value, each.number) for each in made.figures.across["many"].examples] == [("a", 3), ("a", 3)]
    assert made.figures.across["many"].fired == 2
    shown = text(made)
    assert "+ trigger many   9 events so far, 6 in the last day" in shown
    assert "queried every 5 s, about 0 events each time" in shown
    assert "would have fired 2 times in the last day" in shown
    assert '"a": 3' in shown
    usual = AcrossTrigger("many", MANY.events, MINUTE, 2, MANY.same, Usual(3.0, HOUR))
    assert "restarts" not in shown
    assert "what begins and ends while the rebuilder restarts does not fire" in text(
        plan(warehouse, workspace, replace(MANY, within_ms=30_000))
    )
    assert '"a": 3, usually 0.00' in text(plan(warehouse, workspace, usual))
