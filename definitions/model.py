"""The typed, checked model of definitions: what the files say, free of YAML and of any way to compute it."""

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import EventType, ProfileKind

Scalar: TypeAlias = str | int | float | bool
Path: TypeAlias = tuple[str, ...]
"""The keys from the outermost object to a value."""


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
    STARTS_WITH = "starts_with"
    EXISTS = "exists"


class Comparison(msgspec.Struct, frozen=True):
    """One test of a value. The operand of `in` and `not_in` is a tuple, of `exists` a bool, of an ordering a number."""

    operator: Operator
    operand: Scalar | tuple[Scalar, ...]


class PropertyFilter(msgspec.Struct, frozen=True):
    """All comparisons hold for the value at `path` of an event's properties."""

    path: Path
    comparisons: tuple[Comparison, ...]


class EventMatcher(msgspec.Struct, frozen=True):
    """The events that pass every filter in `where`, of one type (None: of any) and one name (None: of any).

    A name stands only beside a type: it names calls of that type.
    """

    type: EventType | None
    name: str | None
    where: tuple[PropertyFilter, ...] = ()


class EventCount(msgspec.Struct, frozen=True, tag="event_count"):
    """At least so many of the events at times e with now - within_ms < e <= now."""

    events: EventMatcher
    at_least: int
    within_ms: int


class TraitComparison(msgspec.Struct, frozen=True, tag="trait"):
    """All comparisons hold for the value at `path` of the profile's traits; its first element is the trait's name."""

    path: Path
    comparisons: tuple[Comparison, ...]


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    conditions: tuple["Condition", ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    conditions: tuple["Condition", ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    condition: "Condition"


Condition: TypeAlias = AllOf | AnyOf | Not | EventCount | TraitComparison


class Segment(msgspec.Struct, frozen=True):
    """The profiles of a kind for which `when` holds now. No `workspaces` means every workspace."""

    name: str
    when: Condition
    title: str = ""
    description: str = ""
    workspaces: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    kind: ProfileKind = "person"


class Destination(msgspec.Struct, frozen=True):
    """Where the changes of segments are sent; `topic` is the Kafka topic `activation.<name>`."""

    name: str
    title: str = ""
    description: str = ""
    type: Literal["topic"] = "topic"


class Definitions(msgspec.Struct, frozen=True):
    """Everything one folder defines; names are unique and every reference is known."""

    segments: tuple[Segment, ...] = ()
    destinations: tuple[Destination, ...] = ()
    identity: IdentityRules = DEFAULT_RULES
