"""What a plan says of the past: how many would enter and leave, and how many events a definition touches."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from definitions.across import at_or_after, at_or_before, decoded_value, tick_ms
from definitions.model import AcrossTrigger, Definitions, EventMatcher, Segment, Statistical, Trait, Trigger
from definitions.plan import conditions_of, leaves, needs
from definitions.sets.differences import items
from definitions.streaming.times import text_of
from onefold.definition_plan import MOST_EXAMPLES, AcrossExample, AcrossPrediction, DefinitionPlan, PlanFigures
from onefold.unseen import unseen_by
from onefold.verification import KINDS
from runtime.clock import now_ms
from settings import Workspace
from warehouse.client import Warehouse
from warehouse.queries.across import TriggerTicks, find_firings
from warehouse.queries.definition_differences import latest_times
from warehouse.queries.definition_predictions import Prediction, Touch, count_touches, predict
from warehouse.queries.definitions import EvaluationQuery

DAY_MS = 86_400_000


def predicted(
    warehouse: Warehouse, plan: DefinitionPlan, definitions: Definitions, workspaces: Iterable[Workspace]
) -> DefinitionPlan:
    """Return a plan with figures of all workspaces, each as of its present time. Raises what ClickHouse does."""
    changed = [each.name for each in plan.differences if each.kind == "segment"]
    across = _changed_across(plan, definitions)
    past: dict[str, AcrossPrediction] = {}
    touched = dict(_touched(plan, definitions))
    by_workspace: dict[str, dict[str, Prediction]] = {}
    touches: dict[str, Touch] = {}
    for workspace in workspaces:
        now = _now(warehouse, workspace)
        here = dict(_touched(plan, definitions, workspace.name))
        for name, touch in count_touches(warehouse, workspace.name, now, here).items():
            touches[name] = touches.get(name, Touch(0, 0)).added(touch)
        for trigger in across:
            if not trigger.workspaces or workspace.name in trigger.workspaces:
                more = _past_day(warehouse, TriggerTicks(trigger, workspace.name, now, now))
                past[trigger.name] = more if trigger.name not in past else past[trigger.name].added(more)
        priorities = {source.name: source.priority for source in workspace.sources}
        predictions = by_workspace[workspace.name] = {}
        for kind in KINDS:
            wanted = EvaluationQuery(definitions, workspace.name, kind, now, priorities)
            _add(predictions, predict(warehouse, wanted, changed))
    total: dict[str, Prediction] = {}
    for predictions in by_workspace.values():
        _add(total, predictions)
    figures = PlanFigures(
        touches=touches,
        unseen=unseen_by(warehouse, by_workspace, plan, definitions, touched),
        predictions=total,
        by_workspace=by_workspace,
        across=past,
    )
    return msgspec.structs.replace(plan, figures=figures)


def _changed_across(plan: DefinitionPlan, definitions: Definitions) -> list[AcrossTrigger]:
    names = {each.name for each in plan.differences if each.kind == "trigger"}
    return [trigger for trigger in definitions.across if trigger.name in names]


def _past_day(warehouse: Warehouse, now: TriggerTicks) -> AcrossPrediction:
    """Return what would have fired within the last day, of what did not hold before."""
    step = tick_ms(now.trigger)
    first, last = at_or_after(now.first - DAY_MS, step), at_or_before(now.last, step)
    before = find_firings(warehouse, now._replace(first=first - step, last=first - step), None, fires_from=None)
    fired = find_firings(warehouse, now._replace(first=first, last=last), before.memory).firings
    examples = tuple(
        AcrossExample(text_of(each.tick), decoded_value(each.value), each.number, each.usual)
        for each in fired[-MOST_EXAMPLES:]
    )
    return AcrossPrediction(step // 1_000, now.trigger.within_ms // 1_000, len(fired), examples)


def _now(warehouse: Warehouse, workspace: Workspace) -> int:
    if workspace.clock == "wall":
        return now_ms()
    return latest_times(warehouse, workspace.name, partitions=1).get(0, 0)


def _touched(
    plan: DefinitionPlan, definitions: Definitions, workspace: str | None = None
) -> Iterator[tuple[str, list[EventMatcher]]]:
    """Yield the events that each definition which is not as before looks for, of those for a workspace or of all."""
    defined = items(definitions)
    for difference in plan.differences:
        item = defined.get((difference.kind, difference.name))
        if not isinstance(item, Segment | Trait | Trigger | AcrossTrigger):
            continue
        is_here = workspace is None or not item.workspaces or workspace in item.workspaces
        if is_here and (events := list(_events(item))):
            yield f"{difference.kind} {difference.name}", events


def _events(item: Segment | Trait | Trigger | AcrossTrigger) -> Iterator[EventMatcher]:
    if isinstance(item, AcrossTrigger):
        yield item.events
        return
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
