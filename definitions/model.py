"""The typed, checked model of definitions: what the files say, free of YAML and of any way to compute it.

What each form means is written down once, in docs/decisions/0033; what must be remembered for it is `plan`'s.
"""

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from definitions.consent import NO_RULES, ConsentRules
from definitions.destinations import Destination
from definitions.quiet_hours import QuietHours
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.consent import Answer
from schemas.records import EventType, ProfileKind, SessionFacts

Scalar: TypeAlias = str | int | float | bool
Path: TypeAlias = tuple[str, ...]
"""The keys from the outermost object to a value."""

Root: TypeAlias = Literal["properties", "traits", "context"]
"""The open part of an event that a path leads into."""


class Operator(StrEnum):
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_THAN = "greater_than"
    GREATER_OR_EQUAL = "greater_or_equal"
    LESS_THAN = "less_than"
    LESS_OR_EQUAL = "less_or_equal"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    CONTAINS_ANY = "contains_any"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"
    EXISTS = "exists"
    BEFORE = "before"
    AFTER = "after"
    WITHIN_LAST = "within_last"
    LONGER_AGO_THAN = "longer_ago_than"
    WITHIN_NEXT = "within_next"


ORDERINGS = frozenset(
    {Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.LESS_OR_EQUAL},
)
"""Compare numbers."""

OF_TEXTS = frozenset({Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.MATCHES})
"""Hold for texts alone."""

RELATIVE = frozenset({Operator.WITHIN_LAST, Operator.LONGER_AGO_THAN, Operator.WITHIN_NEXT})
"""Compare a time with now, and so change by time alone: of traits and facts only, never of an event's properties."""

TIMES = frozenset({Operator.BEFORE, Operator.AFTER}) | RELATIVE
"""Compare times."""


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One test of a value.

    The operand of `in`, `not_in` and `contains_any` is a tuple, of `exists` a bool, of an ordering a number, of
    `before` and `after` a time (ms), of the relative ones a duration (ms).
    """

    operator: Operator
    operand: Scalar | tuple[Scalar, ...]


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of an event."""

    path: Path
    root: Root = "properties"


class PropertyFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All comparisons hold for the value at `path` of an event's open part."""

    path: Path
    comparisons: tuple[Comparison, ...]
    root: Root = "properties"


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls of one type (None: of any) and one name (None: of any). A name stands only beside a type."""

    type: EventType | None
    name: str | None = None


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The times (ms) from `since` on and before `before`; None: without this end."""

    since: int | None = None
    before: int | None = None


class EventMatcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The events of a period that are any of these calls (none named: any event), and pass every filter in `where`.

    `sessions`: instead of events the sessions of the profile, each counted once, when it begins; nothing else is said.
    """

    calls: tuple[Call, ...] = ()
    where: tuple[PropertyFilter, ...] = ()
    occurred: Period = Period()
    sessions: bool = False


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events count at a time t: with `ms` those at t - ms < e <= t, else all up to t.

    `session`: of them, those of the session that t lies in; none if t lies in no session.
    """

    ms: int | None = None
    session: bool = False


class EventCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="event_count"):
    """At least, and at most, so many events in a window.

    `same`: of those with one value there (events without it do not count); some value is enough.
    """

    events: EventMatcher
    window: Window
    at_least: int | None = 1
    at_most: int | None = None
    same: Field | None = None


class Measure(StrEnum):
    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    FIRST_AT = "first_at"
    LAST_AT = "last_at"
    DISTINCT = "distinct"
    MOST_FREQUENT = "most_frequent"
    VALUES = "values"
    UNION = "union"


class Aggregate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measure of the matching events in a window, of their values at `of`.

    COUNT, FIRST_AT and LAST_AT need no value; with `of`, they are of the events that have one there. UNION is VALUES of
    lists: of their members, a scalar being a list of one; it has no window.
    """

    events: EventMatcher
    measure: Measure
    of: Field | None = None
    window: Window = Window()


class AggregateComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="aggregate"):
    """All comparisons hold for an aggregate, as for a trait that is defined so."""

    aggregate: Aggregate
    comparisons: tuple[Comparison, ...]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a sequence: a matching event less than `within_ms` after that of the step before (None: ever after).

    `without`: no such event between the two. `absent`, of the last step only: no matching event less than `within_ms`
    after that of the step before, so that the sequence is complete at just that time.
    """

    events: EventMatcher
    within_ms: int | None = None
    without: EventMatcher | None = None
    absent: bool = False


class Sequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sequence"):
    """Completed at least so often within the window `within_ms`, by the times of completion.

    `same`: all its events have one value there.
    """

    steps: tuple[Step, ...]
    within_ms: int
    at_least: int = 1
    same: Field | None = None


class TraitComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="trait"):
    """All comparisons hold for the value at `path` of the profile's traits; its first element is the trait's name.

    A trait that is defined comes before one that was sent under its name.
    """

    path: Path
    comparisons: tuple[Comparison, ...]


SESSION_GAP_MS = 30 * 60 * 1000
"""A session ends when its gap has passed since its last event: an event just then begins another."""

SessionName: TypeAlias = Literal["current", "first", "last"]
SESSION_FACTS = SessionFacts.__struct_fields__


class SessionComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="session"):
    """All comparisons hold for a fact of one of the profile's sessions; a missing session has no facts."""

    session: SessionName
    fact: str
    comparisons: tuple[Comparison, ...]


class InSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="segment"):
    """The profile is in another segment."""

    name: str


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sample"):
    """A stable random part of all profiles: those whose hash under the salt falls into the first `permille`."""

    permille: int
    salt: str


class ConsentComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="consent"):
    """What the profile has said for a purpose on a channel (empty: on every one) comes to this answer."""

    purpose: str
    channel: str
    answer: Answer


class AllOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="all"):
    conditions: tuple["Condition", ...]


class AnyOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="any"):
    conditions: tuple["Condition", ...]


class Not(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="not"):
    condition: "Condition"


OfEvents: TypeAlias = EventCount | AggregateComparison | Sequence
Leaf: TypeAlias = OfEvents | TraitComparison | SessionComparison | InSegment | Sample | ConsentComparison
Condition: TypeAlias = AllOf | AnyOf | Not | Leaf


class Literally(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="literal"):
    """A value that stands for itself."""

    value: Scalar


class TraitValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="trait_value"):
    """The value of a trait; null where it is not set."""

    path: Path


class Function(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="function"):
    """A function of other expressions; null where its arguments are null, or not of the type that it needs.

    Arithmetic is `add`, `subtract`, `multiply`, `divide`, `negate`; the others are in docs/decisions/0033.
    """

    name: str
    arguments: tuple["Expression", ...]


Expression: TypeAlias = Literally | TraitValue | Function


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value of a rule where a condition holds."""

    when: Condition
    then: Expression


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="rule"):
    """The value of the first case that holds; else `otherwise`, or none."""

    cases: tuple[Case, ...] = ()
    otherwise: Expression | None = None


class Statistical(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="statistical"):
    """An aggregate of the profile's events. An attribute with a merge policy is one of its identify calls' traits."""

    aggregate: Aggregate


class Mining(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="mining"):
    """The column `value` of a query's result by `profile_id`, run by ClickHouse every `every_ms`."""

    query: str
    every_ms: int


class Trait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fact about profiles of a kind, under one name. No `workspaces` means every workspace."""

    name: str
    value: Statistical | Rule | Mining
    title: str = ""
    description: str = ""
    workspaces: tuple[str, ...] = ()
    kind: ProfileKind = "person"


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The profiles of a kind for which `when` holds now. No `workspaces` means every workspace."""

    name: str
    when: Condition
    title: str = ""
    description: str = ""
    workspaces: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    kind: ProfileKind = "person"


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fires for every event that matches `on` while `when` holds; without `on`, each time that `when` begins to hold.

    `cool_down_ms`: no sooner than this after it fired. `once`: at most once in a session, or ever. `payload`: the keys
    of a JSON object, each with the template of its text.
    """

    name: str
    on: EventMatcher | None = None
    when: Condition | None = None
    cool_down_ms: int | None = None
    once: Literal["session", "person"] | None = None
    quiet_hours: QuietHours | None = None
    payload: tuple[tuple[str, str], ...] = ()
    title: str = ""
    description: str = ""
    workspaces: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    kind: ProfileKind = "person"


class Usual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More than `times` the mean number in the windows of the `of_ms` before."""

    times: float
    of_ms: int


Counted: TypeAlias = Literal["events", "people"]


class AcrossTrigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fires for a value when the events of all profiles with it begin to be so many in a window (decision 0041).

    `same`: where the value stands; without it, all events count together. `counts`: the events, or the profiles that
    they are of. `cool_down_ms`: None stands for the window.
    """

    name: str
    events: EventMatcher
    within_ms: int
    at_least: int
    same: Field | None = None
    exceeds: Usual | None = None
    counts: Counted = "events"
    cool_down_ms: int | None = None
    payload: tuple[tuple[str, str], ...] = ()
    title: str = ""
    description: str = ""
    workspaces: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()


class Definitions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything one folder defines; names are unique and every reference is known."""

    segments: tuple[Segment, ...] = ()
    destinations: tuple[Destination, ...] = ()
    identity: IdentityRules = DEFAULT_RULES
    traits: tuple[Trait, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    across: tuple[AcrossTrigger, ...] = ()
    consent: ConsentRules = NO_RULES
