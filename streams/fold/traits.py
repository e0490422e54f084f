"""Traits: last writer wins by (event time, source priority, ordinal); what they mean is left to the definitions.

Kept are the 500 traits with the newest writes, unset ones included: the same ones in whatever order events arrive.
A value is kept as the text that was sent, since a number that has been a double may lack some of its digits.
"""

import heapq
from collections.abc import Collection, Container
from typing import Self

import msgspec

from schemas.records import Event
from streams.fold.facet import NOTHING, Facet
from streams.fold.moment import DropReason, Moment
from streams.fold.payload import EMPTY_OBJECT, parse_members

MAX_TRAITS = 500
MAX_VALUE_BYTES = 8 * 1024
MAX_NAME_LENGTH = 256
MAX_DEPTH = 32  # so that a value that was accepted once can always be decoded again
MAX_ORDER_LENGTH = 128  # of the message id, which orders two writes that nothing else does

UNSET = "null"

_CONTAINERS = (dict, list)
_decode = msgspec.json.Decoder().decode


class TraitWrite(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One write of a trait; the greatest wins, so the order of the fields matters (docs/decisions/0018)."""

    occurred_at: int
    priority: int
    ordinal: int
    message_id: str
    value: str  # JSON text; `null` marks a trait that was unset


class Traits(Facet):
    """The winning write of each trait, by name."""

    writes: dict[str, TraitWrite] = {}

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Apply the traits of an identify call; returns the names that changed."""
        if event.type != "identify" or event.traits == EMPTY_OBJECT:
            return NOTHING
        members = parse_members(event.traits)
        if members is None:
            moment.drop("trait", "malformed")
            return NOTHING
        priority = moment.context.source_priority(event.source)
        order = event.message_id[:MAX_ORDER_LENGTH]
        changed = set()
        for name, raw in members.items():
            value = bytes(raw)
            reason = "too_long" if len(name) > MAX_NAME_LENGTH else _why_dropped(value)
            if reason is not None:
                moment.drop("trait", reason)
            elif self._write(name, TraitWrite(event.occurred_at, priority, event.ordinal, order, value.decode())):
                changed.add(name)
        return changed.union(self._evict(moment))

    def unite(self, other: Self, moment: Moment) -> None:
        for name, trait in other.writes.items():
            self._write(name, trait)
        self._evict(moment)

    def shown(self, defined: Container[str] = frozenset()) -> dict[str, str]:
        """Return the JSON texts of the traits that are set, by name, but for those of the names that are defined."""
        return {
            name: trait.value for name, trait in self.writes.items() if trait.value != UNSET and name not in defined
        }

    def value(self, name: str) -> object:
        """Return the decoded value of a trait; None where it is not set."""
        trait = self.writes.get(name)
        return None if trait is None else _decode(trait.value)

    def _write(self, name: str, trait: TraitWrite) -> bool:
        current = self.writes.get(name)
        if current is not None and trait <= current:
            return False
        self.writes[name] = trait
        return True

    def _evict(self, moment: Moment) -> list[str]:
        surplus = len(self.writes) - MAX_TRAITS
        if surplus <= 0:
            return []
        evicted = heapq.nsmallest(surplus, self.writes, key=lambda name: (self.writes[name], name))
        for name in evicted:
            del self.writes[name]
        moment.drop("trait", "too_many", surplus)
        return evicted


def _why_dropped(value: bytes) -> DropReason | None:
    """Why a value is not kept; None for one that is, and can be decoded whenever a definition reads it."""
    if len(value) > MAX_VALUE_BYTES:
        return "too_large"
    try:
        decoded = _decode(value)
    except (ValueError, RecursionError):
        return "malformed"  # a number that no double can hold: until here nothing has decoded it
    return "too_deep" if _is_deeper(decoded, MAX_DEPTH) else None


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, _CONTAINERS):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)
