"""A plan of definitions as a tree for a terminal."""

from collections.abc import Iterator

import msgspec
from rich.text import Text
from rich.tree import Tree

from definitions.paths import quoted
from definitions.sets.differences import Difference
from onefold.definition_plan import AcrossPrediction, DefinitionPlan, PlanFigures, QueryTrial, Unseen, Warnings
from onefold.left_waiting import GONE, waiting_in_words
from onefold.wording import count
from runtime.literal import literal
from warehouse.queries.definition_predictions import Prediction, Touch

_LEAST_PER_S = 0.01
_RESTART_S = 60
_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "affected": "yellow"}
_UNSEEN = {"event": "", "property": "the property ", "context": "the context ", "trait": "the trait "}
_WORDS = {"added": "+", "removed": "-", "changed": "~", "affected": "~ (by what it reads)"}


def plan_tree(plan: DefinitionPlan) -> Tree:
    """Return the plan as a tree for a terminal."""
    if not plan.is_new:
        return Tree(Text(f"Nothing to apply: version {plan.version - 1} says the same", style="bold"))
    tree = Tree(Text(f"Version {plan.version}", style="bold"))
    for difference in plan.differences:
        _add_difference(tree, difference, plan)
    if not plan.differences:
        tree.add("nothing changes but titles, descriptions or comments")
    if plan.cost.backfilled:
        node = tree.add("to be computed from the events of the past:")
        for each in plan.cost.backfilled:
            node.add(Text(literal(f"{each.events}   at most {each.state_bytes:,} bytes per {each.scope}")))
    else:
        tree.add("nothing has to be computed for the past: it takes effect at once")
    needed, former = plan.cost.state_bytes, plan.cost.former_state_bytes
    tree.add(f"a profile needs at most {needed:,} bytes for all definitions, {former:,} so far")
    return tree


def _add_difference(tree: Tree, difference: Difference, plan: DefinitionPlan) -> None:
    name = f"{difference.kind} {difference.name}"
    figures, warnings = plan.figures, plan.warnings
    touch = figures.touches.get(name)
    texts = [f"{_WORDS[difference.change]} {literal(name)}{_renamed(difference)}"]
    if difference.keys:
        texts.append(literal(f"what changes: {', '.join(difference.keys)}"))
    if touch is not None:
        texts.append(f"{count(touch.events, 'event')} so far, {touch.last_day:,} in the last day ({_per_s(touch)})")
    if difference.kind == "segment" and difference.name in figures.predictions:
        texts.append(_predicted(figures.predictions[difference.name]))
    if difference.kind == "trait" and difference.name in figures.trials:
        texts.append(_tried(figures.trials[difference.name]))
    node = tree.add(Text("   ".join(texts), style=_STYLES[difference.change]))
    if difference.kind == "segment":
        _add_workspaces(node, difference.name, figures)
    if difference.kind == "trigger" and difference.name in figures.across:
        _add_across(node, figures.across[difference.name], touch.per_s if touch else 0.0)
    if difference.kind == "trait" and difference.name in warnings.as_sent:
        names = ", ".join(warnings.as_sent[difference.name])
        node.add(Text(literal(f"{names} would go by the trait as it is sent"), style="yellow"))
    by_name = (warnings.staying, warnings.forbidden, warnings.unasked, warnings.joining)
    said = [text for texts in by_name for text in texts.get(name, ())]
    for text in (*said, *_waiting_there(difference, warnings)):
        node.add(Text(literal(text), style="yellow"))
    for unseen in figures.unseen.get(name, ()):
        node.add(Text(literal(_unseen(unseen)), style="yellow"))


def _waiting_there(difference: Difference, warnings: Warnings) -> Iterator[str]:
    if difference.kind == "destination" and difference.name in warnings.left_waiting:
        yield f"{waiting_in_words(difference.name, warnings.left_waiting[difference.name])}: {GONE}"


def _renamed(difference: Difference) -> str:
    return f", called {literal(difference.former_name)} before" if difference.former_name else ""


def _unseen(unseen: Unseen) -> str:
    hint = f": did you mean {quoted(unseen.resembles)}?" if unseen.resembles else ""
    if unseen.what == "workspace":
        return f"there is no workspace {quoted(unseen.name)}{hint}"
    return f"nobody has sent {_UNSEEN[unseen.what]}{quoted(unseen.name)} so far{hint}"


def _per_s(touch: Touch) -> str:
    if not touch.last_day:
        return "0/s"
    return f"{touch.per_s:,.2f}/s" if touch.per_s >= _LEAST_PER_S else f"under {_LEAST_PER_S}/s"


def _add_workspaces(tree: Tree, segment: str, figures: PlanFigures) -> None:
    """Say which workspace the members are of, where there are several."""
    if len(figures.by_workspace) > 1:
        for workspace, predictions in figures.by_workspace.items():
            prediction = predictions.get(segment, Prediction(0, 0, 0))
            if prediction != Prediction(0, 0, 0):
                tree.add(Text(literal(f"{workspace}: {_predicted(prediction)}")))


def _add_across(tree: Tree, across: AcrossPrediction, rate: float) -> None:
    events = f"{rate * across.within_s:,.0f} events"
    tree.add(f"queried every {across.tick_s} s, about {events} each time")
    if across.within_s < _RESTART_S:
        tree.add(
            "its window is short: on the wall clock, what begins and ends while the rebuilder restarts does not fire"
        )
    node = tree.add(f"would have fired {count(across.fired, 'time')} in the last day")
    for each in across.examples:
        usual = "" if each.usual is None else f", usually {each.usual:,.2f}"
        value = "all" if each.value is None else msgspec.json.encode(each.value).decode()
        node.add(Text(literal(f"{each.at}  {value}: {each.number:,}{usual}")))


def _predicted(prediction: Prediction) -> str:
    members = count(prediction.size, "member")
    return f"{members}: {prediction.entries:,} enter, {prediction.exits:,} leave"


def _tried(trial: QueryTrial) -> str:
    if trial.error:
        return literal(f"its query fails: {trial.error}")
    unknown = f", {count(trial.unknown, 'id')} of no profile" if trial.unknown else ""
    misfits = f", {count(trial.misfits, 'value')} that no trait can have" if trial.misfits else ""
    return f"its query finds {count(trial.profiles, 'profile')}{unknown}{misfits}"
