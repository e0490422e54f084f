"""Definitions as one query: the events of a workspace are read once, and all conditions are evaluated at one time."""

from collections.abc import Mapping
from collections.abc import Sequence as Several
from typing import NamedTuple

from definitions.model import (
    AggregateComparison,
    AllOf,
    AnyOf,
    Condition,
    ConsentComparison,
    Definitions,
    EventCount,
    Expression,
    Function,
    InSegment,
    Literally,
    Mining,
    Not,
    Path,
    Rule,
    Sample,
    Sequence,
    SessionComparison,
    Statistical,
    Trait,
    TraitComparison,
    TraitValue,
)
from definitions.sql.aggregates import Computed, compile_aggregate, compile_count
from definitions.sql.columns import SqlText, joined, sql
from definitions.sql.consent import compile_consent
from definitions.sql.events import Events, priority_of
from definitions.sql.functions import WITH_FUNCTIONS, compile_function
from definitions.sql.literals import literal
from definitions.sql.profiles import Profiles
from definitions.sql.sequences import compile_sequence
from definitions.sql.sessions import compile_session
from definitions.sql.values import NOTHING, TUPLE, of_scalar, passes


class Inputs(NamedTuple):
    """Queries for what is read: the columns of events (see `events`), and what the streams say of profiles now.

    `shown` has `profile_id` and `shown`, the traits; it is read for the value that a query has yielded, and for nothing
    else. `statements` has `profile_id` and `statements`, what was said about being sent things (see `consent`).
    """

    events: str
    shown: str
    statements: str


class Scope(NamedTuple):
    """The definitions for the profiles of a kind in a workspace, as of a time (ms).

    `priorities`: of sources, as their traits outrank others of the same time.
    """

    definitions: Definitions
    now: int
    priorities: Mapping[str, int] = {}


class DefinitionsQuery:
    """Names the columns of traits, segments and leaves, each when it is first needed."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._traits = {trait.name: trait for trait in scope.definitions.traits}
        self._segments = {segment.name: segment for segment in scope.definitions.segments}
        self._computed: dict[str, Computed] = {}
        self._profiles = Profiles(Events(), scope.now)

    def trait(self, name: str) -> Computed:
        """Return the tuple of a defined trait's value, and whether the profile shows it."""
        computed = self._computed.get(name)
        if computed is None:
            computed = self._computed[name] = self._compile_trait(self._traits[name])
        return computed

    def segment(self, name: str) -> SqlText:
        """Say in SQL whether a profile is in a segment."""
        return self.holds(self._segments[name].when)

    def shown(self, name: str, column: str) -> dict[str, SqlText]:
        """Return the columns `_kind`, `_number` and `_text` of what a profile shows of a trait; kind 0 is nothing."""
        value, is_shown = self.trait(name)
        return {
            f"{column}_kind": sql("if({0}, {1}.1, 0)", is_shown, value),
            f"{column}_number": sql("{0}.2", value),
            f"{column}_text": sql("{0}.3", value),
        }

    def holds(self, condition: Condition) -> SqlText:
        """Say in SQL whether a condition holds."""
        return self._profiles.named(self._compile(condition))

    def listed(self, source: Inputs, segments: Several[str], traits: Several[str]) -> str:
        """Return the query for two lists of each profile: its segments of those named, and the values it shows."""
        columns = {f"s{number}": self.segment(name) for number, name in enumerate(segments)}
        for number, name in enumerate(traits):
            value, is_shown = self.trait(name)
            columns[f"t{number}"] = sql(f"if({{0}}, {{1}}, {NOTHING})", is_shown, value)
        names = f"[{', '.join(map(literal, segments))}]::Array(String)"
        flags = f"[{', '.join(f's{number}' for number in range(len(segments)))}]::Array(UInt8)"
        values = f"[{', '.join(f't{number}' for number in range(len(traits)))}]::Array({TUPLE})"
        return (
            f"SELECT profile_id, arrayFilter((name, is_in) -> is_in, {names}, {flags}) AS by_sql,"
            f" {values} AS values_by_sql\nFROM (\n{self.selected(source, columns)}\n)"
        )

    def selected(self, source: Inputs, columns: Mapping[str, SqlText]) -> str:
        """Return the query for named columns of each profile that has an event in the source."""
        named = "".join(f", {column.text} AS {name}" for name, column in columns.items())
        return f"WITH {WITH_FUNCTIONS}\nSELECT profile_id{named}\nFROM (\n{self._profiles.selected(*source)}\n)"

    def _compile(self, condition: Condition) -> SqlText:  # noqa: PLR0911 - one for each form
        profiles = self._profiles
        match condition:
            case AllOf():
                return joined(" AND ", [self.holds(inner) for inner in condition.conditions], "1")
            case AnyOf():
                return joined(" OR ", [self.holds(inner) for inner in condition.conditions], "0")
            case Not():
                return sql("NOT {0}", self.holds(condition.condition))
            case EventCount():
                return compile_count(condition, profiles)
            case AggregateComparison():
                return passes(
                    compile_aggregate(condition.aggregate, profiles).value, condition.comparisons, profiles.now
                )
            case Sequence():
                return compile_sequence(condition, profiles)
            case TraitComparison():
                return passes(self._value_at(condition.path), condition.comparisons, profiles.now)
            case SessionComparison():
                return compile_session(condition, profiles)
            case InSegment():
                return self.segment(condition.name)
            case Sample():
                return _sampled(condition)
            case ConsentComparison():
                return compile_consent(condition, profiles, self._scope.definitions.consent.defaults)

    def _compile_trait(self, trait: Trait) -> Computed:
        match trait.value:
            case Statistical():
                return compile_aggregate(trait.value.aggregate, self._profiles)
            case Rule():
                value = self._rule(trait.value)
                return Computed(value, sql("{0}.1 != 0", value))
            case Mining():
                value = self._profiles.shown(trait.name)
                return Computed(value, sql("{0}.1 != 0", value))

    def _rule(self, rule: Rule) -> SqlText:
        cases = [(self.holds(case.when), self._expression(case.then)) for case in rule.cases]
        otherwise = SqlText(NOTHING) if rule.otherwise is None else self._expression(rule.otherwise)
        if not cases:
            return otherwise
        parts = [part for case in cases for part in case]
        parameters = ", ".join(f"{{{number}}}" for number in range(len(parts) + 1))
        return self._profiles.column(f"multiIf({parameters})", *parts, otherwise)

    def _expression(self, expression: Expression) -> SqlText:
        match expression:
            case Literally():
                return SqlText(of_scalar(expression.value))
            case TraitValue():
                return self._value_at(expression.path)
            case Function():
                arguments = [self._expression(argument) for argument in expression.arguments]
                return self._profiles.named(compile_function(expression.name, arguments, self._profiles.now))

    def _value_at(self, path: Path) -> SqlText:
        """The tuple of a trait's value: a defined trait comes before one that was sent."""
        if path[0] in self._traits:
            return self.trait(path[0]).value if len(path) == 1 else self._profiles.column(NOTHING)
        profiles = self._profiles
        value, is_written = profiles.events.trait(path)
        order = sql("(at, {0}, ordinal, id)", priority_of(self._scope.priorities))
        return profiles.aggregate("argMaxIf({0}, {1}, {2})", value, order, is_written)


def _sampled(sample: Sample) -> SqlText:
    hashed = f"reinterpretAsUInt32(reverse(substring(MD5(concat({literal(sample.salt + '|')}, profile_id)), 1, 4)))"
    return SqlText(f"{hashed} % 1000 < {sample.permille}")
