"""What a computed trait can be, as far as its definition says, and which comparisons it can never pass."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from definitions.model import (
    OF_TEXTS,
    ORDERINGS,
    TIMES,
    Aggregate,
    Comparison,
    Expression,
    Function,
    Literally,
    Measure,
    Operator,
    Rule,
    Scalar,
    Statistical,
    Trait,
    TraitValue,
)
from definitions.plan.accumulators import MAX_DISTINCT, MAX_VALUES
from definitions.reading.contradictions import contradiction

Kind: TypeAlias = Literal["number", "text", "true or false", "time", "list"]
Kinds: TypeAlias = frozenset[Kind]
MAX_DEPTH = 50
ANYTHING: Kinds = frozenset({"number", "text", "true or false", "time", "list"})

MEASURED: Mapping[Measure, Kind] = {
    Measure.COUNT: "number",
    Measure.DISTINCT: "number",
    Measure.SUM: "number",
    Measure.AVERAGE: "number",
    Measure.MIN: "number",
    Measure.MAX: "number",
    Measure.FIRST_AT: "time",
    Measure.LAST_AT: "time",
    Measure.VALUES: "list",
    Measure.UNION: "list",
}
_SAID = {kind: kind if kind == "true or false" else f"a {kind}" for kind in ANYTHING}


def range_of(aggregate: Aggregate) -> tuple[Comparison, ...]:
    """Return what the number of a count holds to, whatever happens: no more is counted than is kept."""
    if aggregate.measure not in {Measure.COUNT, Measure.DISTINCT}:
        return ()
    window = aggregate.window
    is_in_window = window.ms is not None or window.session
    most = MAX_VALUES if is_in_window or aggregate.events.sessions else None
    if most is None and aggregate.measure is Measure.DISTINCT:
        most = MAX_DISTINCT
    least = Comparison(Operator.GREATER_OR_EQUAL, 0)
    return (least,) if most is None else (least, Comparison(Operator.LESS_OR_EQUAL, most))


def beyond(comparisons: Sequence[Comparison], aggregate: Aggregate) -> str | None:
    """Return why a measure never passes comparisons, as what is counted is bounded, in words that follow "is"."""
    bounds = range_of(aggregate)
    if not bounds or contradiction([*bounds, *comparisons]) is None:
        return None
    said = f"from 0 to {bounds[1].operand}" if bounds[1:] else "from 0 on"
    return f"a number {said}: the comparisons never hold for it"


class TraitKinds:
    """What the values of computed traits can be, each found once."""

    def __init__(self, traits: Mapping[str, Trait]) -> None:
        self._traits = traits
        self._known: dict[str, Kinds] = {}

    def of(self, name: str, depth: int = 0) -> Kinds:
        """Return what a trait can be. `depth` of those that were asked for it: far down, and in circles, anything."""
        if name not in self._traits or depth > MAX_DEPTH:
            return ANYTHING
        if name not in self._known:
            self._known[name] = ANYTHING
            self._known[name] = self._of_trait(self._traits[name], depth + 1)
        return self._known[name]

    def values_of(self, name: str) -> tuple[Scalar, ...]:
        """Return the values that the cases of a trait can give; none if any of them is not written there."""
        trait = self._traits.get(name)
        if trait is None or not isinstance(trait.value, Rule):
            return ()
        outcomes = [case.then for case in trait.value.cases]
        outcomes += [] if trait.value.otherwise is None else [trait.value.otherwise]
        values = [outcome.value for outcome in outcomes if isinstance(outcome, Literally)]
        return tuple(values) if len(values) == len(outcomes) else ()

    def _of_trait(self, trait: Trait, depth: int) -> Kinds:
        if isinstance(trait.value, Statistical):
            measure = trait.value.aggregate.measure
            return frozenset({MEASURED[measure]}) if measure in MEASURED else ANYTHING - {"list", "time"}
        if isinstance(trait.value, Rule):
            values = [case.then for case in trait.value.cases]
            values += [] if trait.value.otherwise is None else [trait.value.otherwise]
            return frozenset[Kind]().union(*(self._of_expression(value, depth) for value in values))
        return ANYTHING

    def _of_expression(self, expression: Expression, depth: int) -> Kinds:
        match expression:
            case Literally():
                return frozenset({_kind_of_scalar(expression.value)})
            case TraitValue(path=(name,)):
                return self.of(name, depth)
            case TraitValue():
                return ANYTHING
            case Function(name="coalesce"):
                return frozenset[Kind]().union(*(self._of_expression(each, depth) for each in expression.arguments))
            case _:
                return frozenset({"number"})


def misfit(comparison: Comparison, kinds: Kinds) -> str | None:
    """Return why a value of these kinds can never pass a comparison, in words that follow "is"; None if it can."""
    if kinds & _passing(comparison):
        return None
    return f"{said_of(kinds)}: {comparison.operator.value!r} never holds for it"


def said_of(kinds: Kinds) -> str:
    """Return the kinds in words that follow "is"."""
    return " or ".join(_SAID[kind] for kind in sorted(kinds))


def _passing(comparison: Comparison) -> Kinds:
    """The kinds of values that may pass."""
    operator, operand = comparison.operator, comparison.operand
    if operator in ORDERINGS:
        return frozenset({"number"})
    if operator in TIMES:
        return frozenset({"time", "text"})
    if operator in OF_TEXTS:
        return frozenset({"text", "time"})
    if operator in {Operator.CONTAINS, Operator.CONTAINS_ANY}:
        has_text = any(isinstance(each, str) for each in _operands(operand))
        return frozenset({"text", "list", "time"}) if has_text else frozenset({"list"})
    if operator in {Operator.EQUALS, Operator.IN}:
        kinds = {_kind_of_scalar(each) for each in _operands(operand)}
        return frozenset(kinds | ({"time"} if "text" in kinds else set()))
    return ANYTHING


def _operands(operand: Scalar | tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def _kind_of_scalar(value: Scalar) -> Kind:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "number"
