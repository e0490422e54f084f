"""What would come of applying a folder, in figures, as JSON and as a tree. Publishing it is `definitions.sets`'."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from rich.text import Text
from rich.tree import Tree

from definitions import Definitions
from definitions.cautions import cautions
from definitions.explaining.wording import accumulator_in_words
from definitions.model import Scalar
from definitions.paths import quoted
from definitions.plan.accumulators import ID_LENGTH, MAX_DISTINCT, Accumulator, accumulators_of
from definitions.sets import DefinitionSet, next_set
from definitions.sets.differences import Difference, differences, readers
from definitions.sets.folder import Draft
from definitions.shared_keys import shared_traits
from definitions.streaming.scalars import MAX_TEXT_LENGTH
from definitions.streaming.states import MAX_ORDER_LENGTH, Ends, Newest, Spans, Times, Values, type_of
from onefold.joining import joining_at
from onefold.left_waiting import GONE
from onefold.staying import left_behind, staying_at
from onefold.wording import count
from runtime.kafka.clients import MAX_RECORD_BYTES
from runtime.literal import literal
from sinks.destinations.http.public import forbidden_urls
from warehouse.queries.definition_predictions import Prediction, Touch

MOST_STATE_BYTES = 4 * 1024 * 1024
"""Without --yes, a profile may need this much for all definitions at most: half of what a record has room for."""
MOST_EVENTS_PER_S = 50_000.0
"""Without --yes, so many events per second may go into new accumulators."""

_KEY_BYTES = 1 + ID_LENGTH + len("@99999")
MOST_EXAMPLES = 5
_LEAST_PER_S = 0.01
_HEADER_BYTES, _NUMBER_BYTES = 7, 9  # as msgpack has them: of a state and its list, of a time or a number
_TEXT_BYTES = 3 + 4 * MAX_TEXT_LENGTH  # a character has up to four bytes
_JSON_TEXT_BYTES = 3 + 2 + 6 * MAX_TEXT_LENGTH  # and six as an escape
_ORDER_BYTES = 1 + 2 * _NUMBER_BYTES + 3 + 4 * MAX_ORDER_LENGTH
_STYLES = {"added": "green", "removed": "red", "changed": "yellow", "affected": "yellow"}


class NewAccumulator(msgspec.Struct, frozen=True):
    """What has to be computed for the past. `events`: what goes into it, in words."""

    id: str
    scope: str
    events: str
    state_bytes: int


class AcrossExample(msgspec.Struct, frozen=True):
    """When a trigger across persons would have fired, for which value (None: all events), and the numbers."""

    at: str | None
    value: Scalar | None
    number: int
    usual: float | None


class AcrossPrediction(msgspec.Struct, frozen=True):
    """What a trigger across persons would cost, and would have fired in the last day; `examples`: the last ones."""

    tick_s: int
    within_s: int
    fired: int
    examples: tuple[AcrossExample, ...]

    def added(self, more: "AcrossPrediction") -> "AcrossPrediction":
        """Return what is predicted of two workspaces together."""
        examples = sorted((*self.examples, *more.examples), key=lambda each: each.at or "")
        return msgspec.structs.replace(self, fired=self.fired + more.fired, examples=tuple(examples[-MOST_EXAMPLES:]))


class Unseen(msgspec.Struct, frozen=True):
    """What a definition looks for and nobody has sent so far. `resembles`: what was sent, or None.

    A property, or a name in context or traits, is one of the events that are looked for, a trait one of anybody. A
    workspace is one that there is not.
    """

    name: str
    resembles: str | None
    what: Literal["event", "property", "context", "trait", "workspace"] = "event"


class QueryTrial(msgspec.Struct, frozen=True):
    """What the query of a mined trait finds now, over all workspaces: profiles, ids of none, values of no trait.

    `error`: why it cannot be queried.
    """

    profiles: int
    unknown: int
    misfits: int
    error: str = ""


class DefinitionPlan(msgspec.Struct, frozen=True):
    """What a new version would change.

    `version`: of the set that it would be. `defined`: how many traits, segments and triggers it would have.
    `state_bytes`, `former_state_bytes`: what a profile needs at most.
    `touches`: by which events each definition that is not as before is touched. `unseen`: what it
    looks for and nobody has sent. `predictions`: of each segment that is not as before, over all workspaces;
    `by_workspace`: in each.
    `across`: of each trigger across persons that is not as before. `as_sent`: by a removed trait's name, what still
    reads it, and from then on as it is sent. `trials`: of each mined trait that is not as before. `staying`: by what
    sends people no more, such as `segment pros`, at which destinations they stay, and what to do. `forbidden`: by
    destination that is not as before, which addresses nothing is sent to, by which traits it finds people, and who
    stays where it has led.
    `unasked`: by segment that is not as before, or whose destination is not, what keeps people there who withdraw
    their consent. `joining`: by segment at which receivers its members are missing. `left_waiting`: by the name of a
    destination that is done away with how many deliveries wait there.
    """

    version: int
    differences: tuple[Difference, ...]
    backfilled: tuple[NewAccumulator, ...]
    state_bytes: int
    former_state_bytes: int
    is_new: bool = True
    defined: int = 0
    touches: Mapping[str, Touch] = {}
    unseen: Mapping[str, tuple[Unseen, ...]] = {}
    predictions: Mapping[str, Prediction] = {}
    by_workspace: Mapping[str, Mapping[str, Prediction]] = {}
    across: Mapping[str, AcrossPrediction] = {}
    as_sent: Mapping[str, tuple[str, ...]] = {}
    trials: Mapping[str, QueryTrial] = {}
    staying: Mapping[str, tuple[str, ...]] = {}
    forbidden: Mapping[str, tuple[str, ...]] = {}
    unasked: Mapping[str, tuple[str, ...]] = {}
    joining: Mapping[str, tuple[str, ...]] = {}
    left_waiting: Mapping[str, int] = {}

    @property
    def impossible(self) -> str:
        """Say why it cannot be applied, whoever wants it; empty if it can."""
        if self.state_bytes > MAX_RECORD_BYTES and self.state_bytes > self.former_state_bytes:
            return f"a profile may need {self.state_bytes:,} bytes, and a record has room for {MAX_RECORD_BYTES:,}"
        return ""

    @property
    def excess(self) -> str:
        """Say all that is beyond the budget; empty if nothing is."""
        beyond = []
        if self.state_bytes > MOST_STATE_BYTES and self.state_bytes > self.former_state_bytes:
            beyond.append(f"a profile may need {self.state_bytes:,} bytes, and {MOST_STATE_BYTES:,} are the budget")
        touched = sum(touch.per_s for touch in self.touches.values())
        if touched > MOST_EVENTS_PER_S:
            budget = f"{MOST_EVENTS_PER_S:,.0f} are the budget"
            beyond.append(f"{touched:,.0f} events per second go into them, and {budget}")
        beyond += [
            f"the query of trait {name!r} fails: {trial.error}" for name, trial in self.trials.items() if trial.error
        ]
        return "; ".join(beyond)

    @property
    def clearance(self) -> str:
        """Say how many traits, segments and triggers would go, if none would be left; else nothing."""
        gone = sum(each.change == "removed" and each.kind != "destination" for each in self.differences)
        if self.defined or not gone:
            return ""
        return f"no trait, segment or trigger would be left, {gone:,} would be removed"

    @property
    def leaving(self) -> str:
        """Say where people would be left for good, as their destination is gone; else nothing."""
        names = [each.removeprefix("destination ") for each in self.staying if each.startswith("destination ")]
        return f"nobody could be taken out of {' and '.join(names)} any more, which is removed" if names else ""

    @property
    def unsent(self) -> str:
        """Say what waits for destinations that are done away with; else nothing."""
        waiting = [_left_waiting(name, number) for name, number in sorted(self.left_waiting.items())]
        return f"{' and '.join(waiting)}, which is removed: {GONE}" if waiting else ""


def planned(former: DefinitionSet | None, draft: Draft) -> DefinitionPlan:
    """Return what would come of a folder after a set; without figures of the past."""
    new = next_set(former, draft.definitions, draft.files, 0, "")
    before = Definitions() if former is None else former.definitions
    different = differences(before, new.definitions)
    return DefinitionPlan(
        new.version,
        different,
        tuple(_backfilled(new)),
        _state_bytes(new.definitions),
        _state_bytes(before),
        not draft.is_of(former),
        len(new.traits) + len(new.segments) + len(new.triggers) + len(new.across),
        as_sent=dict(_read_as_sent(different, new.definitions)),
        staying=staying_at(before, new.definitions),
        forbidden=dict(_forbidden(different, before, new.definitions)),
        unasked=_unasked(different, new.definitions),
        joining=joining_at(before, new.definitions),
    )


def plan_tree(plan: DefinitionPlan) -> Tree:
    """Return the plan as a tree for a terminal."""
    if not plan.is_new:
        return Tree(Text(f"Nothing to apply: version {plan.version - 1} says the same", style="bold"))
    tree = Tree(Text(f"Version {plan.version}", style="bold"))
    for difference in plan.differences:
        _add_difference(tree, difference, plan)
    if not plan.differences:
        tree.add("nothing changes but titles, descriptions or comments")
    if plan.backfilled:
        node = tree.add("to be computed from the events of the past:")
        for each in plan.backfilled:
            node.add(Text(literal(f"{each.events}   at most {each.state_bytes:,} bytes per {each.scope}")))
    else:
        tree.add("nothing has to be computed for the past: it takes effect at once")
    tree.add(
        f"a profile needs at most {plan.state_bytes:,} bytes for all definitions, {plan.former_state_bytes:,} so far"
    )
    return tree


def _add_difference(tree: Tree, difference: Difference, plan: DefinitionPlan) -> None:
    name = f"{difference.kind} {difference.name}"
    touch = plan.touches.get(name)
    texts = [f"{_WORDS[difference.change]} {literal(name)}{_renamed(difference)}"]
    if difference.keys:
        texts.append(literal(f"what changes: {', '.join(difference.keys)}"))
    if touch is not None:
        texts.append(f"{count(touch.events, 'event')} so far, {touch.last_day:,} in the last day ({_per_s(touch)})")
    if difference.kind == "segment" and difference.name in plan.predictions:
        texts.append(_predicted(plan.predictions[difference.name]))
    if difference.kind == "trait" and difference.name in plan.trials:
        texts.append(_tried(plan.trials[difference.name]))
    node = tree.add(Text("   ".join(texts), style=_STYLES[difference.change]))
    if difference.kind == "segment":
        _add_workspaces(node, difference.name, plan)
    if difference.kind == "trigger" and difference.name in plan.across:
        _add_across(node, plan.across[difference.name], touch.per_s if touch else 0.0)
    if difference.kind == "trait" and difference.name in plan.as_sent:
        names = ", ".join(plan.as_sent[difference.name])
        node.add(Text(literal(f"{names} would go by the trait as it is sent"), style="yellow"))
    said = [
        text for texts in (plan.staying, plan.forbidden, plan.unasked, plan.joining) for text in texts.get(name, ())
    ]
    for text in (*said, *_waiting_there(difference, plan)):
        node.add(Text(literal(text), style="yellow"))
    for unseen in plan.unseen.get(name, ()):
        node.add(Text(literal(_unseen(unseen)), style="yellow"))


def _waiting_there(difference: Difference, plan: DefinitionPlan) -> Iterator[str]:
    if difference.kind == "destination" and difference.name in plan.left_waiting:
        yield f"{_left_waiting(difference.name, plan.left_waiting[difference.name])}: {GONE}"


def _left_waiting(name: str, number: int) -> str:
    return f"{count(number, 'delivery')} for {name} wait{'s' * (number == 1)}"


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


def _add_workspaces(tree: Tree, segment: str, plan: DefinitionPlan) -> None:
    """Say which workspace the members are of, where there are several."""
    if len(plan.by_workspace) > 1:
        for workspace, predictions in plan.by_workspace.items():
            prediction = predictions.get(segment, Prediction(0, 0, 0))
            if prediction != Prediction(0, 0, 0):
                tree.add(Text(literal(f"{workspace}: {_predicted(prediction)}")))


_RESTART_S = 60


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


_UNSEEN = {"event": "", "property": "the property ", "context": "the context ", "trait": "the trait "}
_WORDS = {"added": "+", "removed": "-", "changed": "~", "affected": "~ (by what it reads)"}


def _predicted(prediction: Prediction) -> str:
    members = count(prediction.size, "member")
    return f"{members}: {prediction.entries:,} enter, {prediction.exits:,} leave"


def _tried(trial: QueryTrial) -> str:
    if trial.error:
        return literal(f"its query fails: {trial.error}")
    unknown = f", {count(trial.unknown, 'id')} of no profile" if trial.unknown else ""
    misfits = f", {count(trial.misfits, 'value')} that no trait can have" if trial.misfits else ""
    return f"its query finds {count(trial.profiles, 'profile')}{unknown}{misfits}"


def _read_as_sent(different: Iterable[Difference], new: Definitions) -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in different:
        if (each.kind, each.change) == ("trait", "removed") and (names := readers(new, each.name)):
            yield each.name, names


def _forbidden(
    different: Iterable[Difference], former: Definitions, new: Definitions
) -> Iterator[tuple[str, tuple[str, ...]]]:
    names, behind = {each.name for each in different if each.kind == "destination"}, left_behind(former, new)
    for each in new.destinations:
        left = (behind[each.name],) if each.name in behind else ()
        if each.name in names and (texts := (*forbidden_urls(each.receiver), *shared_traits(each), *left)):
            yield f"destination {each.name}", texts


def _unasked(different: Iterable[Difference], new: Definitions) -> dict[str, tuple[str, ...]]:
    names = {f"{each.kind} {each.name}" for each in different}
    texts: dict[str, tuple[str, ...]] = {}
    for each in cautions(new):
        segment, destination = f"segment {each.segment}", f"destination {each.destination}"
        if segment in names:
            texts[segment] = (*texts.get(segment, ()), each.advice)
        elif destination in names:
            texts[destination] = (*texts.get(destination, ()), f"{segment}: {each.advice}")
    return texts


def _backfilled(new: DefinitionSet) -> Iterator[NewAccumulator]:
    seen = set()
    known = {each.id: each for each in accumulators_of(new.definitions)}
    for scope, births in new.births.items():
        for identity, birth in births.items():
            kind, _, workspace = scope.partition("|")
            if birth == new.version and (kind, identity) not in seen:
                seen.add((kind, identity))
                of = f"{kind} of {workspace}" if workspace else kind
                yield NewAccumulator(identity, of, accumulator_in_words(known[identity]), _bytes_of(known[identity]))


def _state_bytes(definitions: Definitions) -> int:
    return sum(map(_bytes_of, accumulators_of(definitions)))


def _bytes_of(accumulator: Accumulator) -> int:
    """Return how long the state of an accumulator is at most with its key, before it is compressed."""
    return _KEY_BYTES + _state_bytes_of(accumulator)


def _state_bytes_of(accumulator: Accumulator) -> int:
    kind = type_of(accumulator)
    if kind is Times:
        return _HEADER_BYTES + accumulator.keep * _NUMBER_BYTES
    if kind is Spans:
        return _HEADER_BYTES + accumulator.keep * (1 + 2 * _NUMBER_BYTES)
    if kind is Newest:
        return _HEADER_BYTES + accumulator.keep * _entry_bytes(accumulator)
    if kind is Values:
        return _HEADER_BYTES + MAX_DISTINCT * (_JSON_TEXT_BYTES + _NUMBER_BYTES)
    if kind is Ends:
        return _HEADER_BYTES + _NUMBER_BYTES + 2 * _entry_bytes(accumulator)
    return _HEADER_BYTES + len(kind.__struct_fields__) * _NUMBER_BYTES


def _entry_bytes(accumulator: Accumulator) -> int:
    if accumulator.of is None:
        return _ORDER_BYTES + 1
    return _ORDER_BYTES + (_NUMBER_BYTES if accumulator.numbers else _TEXT_BYTES)
