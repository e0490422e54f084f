"""What a plan says of the past: how many would enter and leave, and how many events a definition touches."""

import time
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from definitions.model import Definitions, EventMatcher, Segment, Statistical, Trait, Trigger
from definitions.plan import conditions_of, leaves, needs
from definitions.sets.differences import items
from onefold.definition_plan import DefinitionPlan
from onefold.verification import KINDS
from settings import Workspace
from warehouse.client import Warehouse
from warehouse.queries.definition_differences import latest_times
from warehouse.queries.definition_predictions import Prediction, predict, rates
from warehouse.queries.definitions import Question


def predicted(
    warehouse: Warehouse, plan: DefinitionPlan, definitions: Definitions, workspaces: Iterable[Workspace]
) -> DefinitionPlan:
    """Return a plan with figures of all workspaces, each as of its present time. Raises what ClickHouse does."""
    changed = [each.name for each in plan.differences if each.kind == "segment"]
    touched = dict(_touched(plan, definitions))
    predictions: dict[str, Prediction] = {}
    touches: dict[str, float] = {}
    for workspace in workspaces:
        now = _now(warehouse, workspace)
        for name, rate in rates(warehouse, workspace.name, now, touched).items():
            touches[name] = touches.get(name, 0.0) + rate
        priorities = {source.name: source.priority for source in workspace.sources}
        for kind in KINDS:
            question = Question(definitions, workspace.name, kind, now, priorities)
            _add(predictions, predict(warehouse, question, changed))
    return msgspec.structs.replace(plan, rates=touches, predictions=predictions)


def _now(warehouse: Warehouse, workspace: Workspace) -> int:
    if workspace.clock == "wall":
        return time.time_ns() // 1_000_000
    return latest_times(warehouse, workspace.name, partitions=1).get(0, 0)


def _touched(plan: DefinitionPlan, definitions: Definitions) -> Iterator[tuple[str, list[EventMatcher]]]:
    defined = items(definitions)
    for difference in plan.differences:
        item = defined.get((difference.kind, difference.name))
        if isinstance(item, Segment | Trait | Trigger):
            yield f"{difference.kind} {difference.name}", list(_events(item))


def _events(item: Segment | Trait | Trigger) -> Iterator[EventMatcher]:
    if isinstance(item, Trigger) and item.on is not None:
        yield item.on
    if isinstance(item, Trait) and isinstance(item.value, Statistical):
        yield item.value.aggregate.events
    for condition in conditions_of(item):
        for leaf in leaves(condition):
            for need in needs(leaf):
                yield need.events


def _add(predictions: dict[str, Prediction], more: Mapping[str, Prediction]) -> None:
    for name, each in more.items():
        known = predictions.get(name, Prediction(0, 0, 0))
        predictions[name] = Prediction(known.size + each.size, known.entries + each.entries, known.exits + each.exits)
