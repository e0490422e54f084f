"""What would come of applying a folder, in figures and warnings. Publishing it is `definitions.sets`'."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from definitions import Definitions
from definitions.cautions import cautions
from definitions.explaining.wording import accumulator_in_words
from definitions.model import Scalar
from definitions.plan.accumulators import ID_LENGTH, MAX_DISTINCT, Accumulator, accumulators_of
from definitions.sets import DefinitionSet, next_set
from definitions.sets.differences import Difference, differences, readers
from definitions.sets.folder import Draft
from definitions.shared_keys import shared_traits
from definitions.streaming.scalars import MAX_TEXT_LENGTH
from definitions.streaming.states import MAX_ORDER_LENGTH, Ends, Newest, Spans, Times, Values, type_of
from onefold.joining import joining_at
from onefold.left_waiting import GONE, waiting_in_words
from onefold.staying import left_behind, staying_at
from runtime.kafka.clients import MAX_RECORD_BYTES
from sinks.destinations.http.public import forbidden_urls
from warehouse.queries.definition_predictions import Prediction, Touch

MOST_STATE_BYTES = 4 * 1024 * 1024
"""Without --yes, a profile may need this much for all definitions at most: half of what a record has room for."""
MOST_EVENTS_PER_S = 50_000.0
"""Without --yes, so many events per second may go into new accumulators."""

_KEY_BYTES = 1 + ID_LENGTH + len("@99999")
MOST_EXAMPLES = 5
_HEADER_BYTES, _NUMBER_BYTES = 7, 9  # as msgpack has them: of a state and its list, of a time or a number
_TEXT_BYTES = 3 + 4 * MAX_TEXT_LENGTH  # a character has up to four bytes
_JSON_TEXT_BYTES = 3 + 2 + 6 * MAX_TEXT_LENGTH  # and six as an escape
_ORDER_BYTES = 1 + 2 * _NUMBER_BYTES + 3 + 4 * MAX_ORDER_LENGTH


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


class Cost(msgspec.Struct, frozen=True):
    """What a version needs. `state_bytes`: of a profile, at most; `former_state_bytes`: by the version before."""

    backfilled: tuple[NewAccumulator, ...] = ()
    state_bytes: int = 0
    former_state_bytes: int = 0

    def grows_beyond(self, most_bytes: int) -> bool:
        """Return whether a profile needs more than this, and more than before."""
        return self.state_bytes > most_bytes and self.state_bytes > self.former_state_bytes


class PlanFigures(msgspec.Struct, frozen=True):
    """What the events of the past say of what is not as before.

    `touches`: by which events each definition is touched. `unseen`: what each looks for and nobody has sent.
    `predictions`: of each segment over all workspaces; `by_workspace`: in each. `across`: of each trigger across
    persons. `trials`: of each mined trait.
    """

    touches: Mapping[str, Touch] = {}
    unseen: Mapping[str, tuple[Unseen, ...]] = {}
    predictions: Mapping[str, Prediction] = {}
    by_workspace: Mapping[str, Mapping[str, Prediction]] = {}
    across: Mapping[str, AcrossPrediction] = {}
    trials: Mapping[str, QueryTrial] = {}


class Warnings(msgspec.Struct, frozen=True):
    """What may not be meant, by what it is about.

    `as_sent`: by a removed trait's name, what still reads it, and from then on as it is sent. `staying`: by what sends
    people no more, such as `segment pros`, at which destinations they stay, and what to do. `forbidden`: by destination
    that is not as before, which addresses nothing is sent to, by which traits it finds people, and who stays where it
    has led. `unasked`: by segment that is not as before, or whose destination is not, what keeps people there who
    withdraw their consent. `joining`: by segment at which receivers its members are missing. `left_waiting`: by the
    name of a destination that is done away with how many deliveries wait there.
    """

    as_sent: Mapping[str, tuple[str, ...]] = {}
    staying: Mapping[str, tuple[str, ...]] = {}
    forbidden: Mapping[str, tuple[str, ...]] = {}
    unasked: Mapping[str, tuple[str, ...]] = {}
    joining: Mapping[str, tuple[str, ...]] = {}
    left_waiting: Mapping[str, int] = {}


class DefinitionPlan(msgspec.Struct, frozen=True):
    """What a new version would change.

    `version`: of the set that it would be. `defined`: how many traits, segments and triggers it would have.
    """

    version: int
    differences: tuple[Difference, ...]
    is_new: bool = True
    defined: int = 0
    cost: Cost = Cost()
    figures: PlanFigures = PlanFigures()
    warnings: Warnings = Warnings()

    @property
    def impossible(self) -> str:
        """Say why it cannot be applied, whoever wants it; empty if it can."""
        if self.cost.grows_beyond(MAX_RECORD_BYTES):
            return f"a profile may need {self.cost.state_bytes:,} bytes, and a record has room for {MAX_RECORD_BYTES:,}"
        return ""

    @property
    def excess(self) -> str:
        """Say all that is beyond the budget; empty if nothing is."""
        beyond = []
        if self.cost.grows_beyond(MOST_STATE_BYTES):
            needed = self.cost.state_bytes
            beyond.append(f"a profile may need {needed:,} bytes, and {MOST_STATE_BYTES:,} are the budget")
        touched = sum(touch.per_s for touch in self.figures.touches.values())
        if touched > MOST_EVENTS_PER_S:
            budget = f"{MOST_EVENTS_PER_S:,.0f} are the budget"
            beyond.append(f"{touched:,.0f} events per second go into them, and {budget}")
        trials = self.figures.trials.items()
        beyond += [f"the query of trait {name!r} fails: {trial.error}" for name, trial in trials if trial.error]
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
        names = [each.removeprefix("destination ") for each in self.warnings.staying if each.startswith("destination ")]
        return f"nobody could be taken out of {' and '.join(names)} any more, which is removed" if names else ""

    @property
    def unsent(self) -> str:
        """Say what waits for destinations that are done away with; else nothing."""
        waiting = [waiting_in_words(name, number) for name, number in sorted(self.warnings.left_waiting.items())]
        return f"{' and '.join(waiting)}, which is removed: {GONE}" if waiting else ""


def planned(former: DefinitionSet | None, draft: Draft) -> DefinitionPlan:
    """Return what would come of a folder after a set; without figures of the past."""
    new = next_set(former, draft.definitions, draft.files, 0, "")
    before = Definitions() if former is None else former.definitions
    different = differences(before, new.definitions)
    return DefinitionPlan(
        new.version,
        different,
        not draft.is_of(former),
        len(new.traits) + len(new.segments) + len(new.triggers) + len(new.across),
        Cost(tuple(_backfilled(new)), _state_bytes(new.definitions), _state_bytes(before)),
        warnings=Warnings(
            as_sent=dict(_read_as_sent(different, new.definitions)),
            staying=staying_at(before, new.definitions),
            forbidden=dict(_forbidden(different, before, new.definitions)),
            unasked=_unasked(different, new.definitions),
            joining=joining_at(before, new.definitions),
        ),
    )


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
