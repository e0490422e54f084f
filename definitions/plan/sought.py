"""What definitions look for in what is sent: values in the open parts of events, and traits that none computes."""

from collections.abc import Iterator
from typing import NamedTuple

from definitions.destinations import Destination
from definitions.model import (
    AcrossTrigger,
    Call,
    EventMatcher,
    Field,
    Path,
    Rule,
    Segment,
    Statistical,
    Trait,
    TraitComparison,
    Trigger,
)
from definitions.plan.accumulators import needs
from definitions.plan.conditions import conditions_of, leaves
from definitions.plan.references import paths_in
from definitions.templates import names_below

IDENTIFY = (Call("identify"),)


class Sought(NamedTuple):
    """A value that is looked for in events of these calls (none named: in any)."""

    calls: tuple[Call, ...]
    field: Field


def sought_by(item: Segment | Trait | Trigger | AcrossTrigger | Destination) -> Iterator[Sought]:
    """Yield what a definition looks for in events, by name in templates as well; traits are left to `traits_read`."""
    for events, of in _looked_at(item):
        yield from (Sought(events.calls, Field(each.path, each.root)) for each in events.where)
        if of is not None:
            yield Sought(events.calls, of)
    if isinstance(item, Trigger) and item.on is not None:
        for name in _named(item, "event", "properties"):
            yield Sought(item.on.calls, Field((name,)))


def traits_read(item: Segment | Trait | Trigger | AcrossTrigger | Destination) -> Iterator[Path]:
    """Yield the paths of the traits that a definition reads itself, computed or sent."""
    if isinstance(item, AcrossTrigger):
        return
    if isinstance(item, Destination):
        yield from ((name,) for name in item.traits)
        return
    for condition in conditions_of(item):
        yield from (leaf.path for leaf in leaves(condition) if isinstance(leaf, TraitComparison))
    if isinstance(item, Trait) and isinstance(item.value, Rule):
        for expression in (*(case.then for case in item.value.cases), item.value.otherwise):
            yield from () if expression is None else paths_in(expression)
    if isinstance(item, Trigger):
        yield from ((name,) for name in traits_in_payload(item))


def traits_in_payload(trigger: Trigger) -> Iterator[str]:
    """Yield the names of the traits that the templates of a trigger read."""
    return _named(trigger, "profile", "traits")


def _named(trigger: Trigger, root: str, field: str) -> Iterator[str]:
    return (name for _, text in trigger.payload for name, _ in names_below(text, root, field))


def _looked_at(
    item: Segment | Trait | Trigger | AcrossTrigger | Destination,
) -> Iterator[tuple[EventMatcher, Field | None]]:
    if isinstance(item, Destination):
        return
    if isinstance(item, AcrossTrigger):
        yield item.events, item.same
        return
    if isinstance(item, Trigger) and item.on is not None:
        yield item.on, None
    for condition in conditions_of(item):
        for leaf in leaves(condition):
            yield from ((need.events, need.of) for need in needs(leaf))
    if isinstance(item, Trait) and isinstance(item.value, Statistical):
        yield from ((need.events, need.of) for need in needs(item.value.aggregate))
