"""Lifetime numbers of events, in all and by name, bounded and yet the same in whatever order events arrive.

Kept are the 256 names that come first in the alphabet; a name beyond them, or an over-long one, counts as `other`.
A name that is kept at the end was kept from its first event on, so its number is exact.
"""

from collections.abc import Collection
from typing import Self

from schemas.records import Event, Profile
from streams.fold.facet import NOTHING, Facet
from streams.fold.moment import FoldContext, Moment

MAX_NAMES = 256
MAX_NAME_LENGTH = 128
OTHER = "other"


class Counters(Facet):
    """How many events there were, by name, and between which times."""

    events: int = 0
    first_seen_at: int | None = None
    last_seen_at: int | None = None
    by_name: dict[str, int] = {}

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        time = event.occurred_at
        self.events += 1
        if self.first_seen_at is None or time < self.first_seen_at:
            self.first_seen_at = time
        if self.last_seen_at is None or time > self.last_seen_at:
            self.last_seen_at = time
        self.count(event.event or event.type, moment)
        return NOTHING

    def unite(self, other: Self, moment: Moment) -> None:
        self.events += other.events
        self.first_seen_at = min(_set(self.first_seen_at, other.first_seen_at), default=None)
        self.last_seen_at = max(_set(self.last_seen_at, other.last_seen_at), default=None)
        for name, events in other.by_name.items():
            self.count(name, moment, events)

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        record.events = self.events
        record.first_seen_at = self.first_seen_at
        record.last_seen_at = self.last_seen_at
        record.counters = dict(self.by_name)

    def count(self, name: str, moment: Moment, events: int = 1) -> None:
        """Count events of a name."""
        if len(name) > MAX_NAME_LENGTH:
            moment.drop("event_name", "too_long", events)
            name = OTHER
        by_name = self.by_name
        by_name[name] = by_name.get(name, 0) + events
        if len(by_name) > MAX_NAMES and len(by_name) > MAX_NAMES + (OTHER in by_name):
            last = max(kept for kept in by_name if kept != OTHER)
            moved = by_name.pop(last)
            moment.drop("event_name", "too_many", moved)
            by_name[OTHER] = by_name.get(OTHER, 0) + moved


def _set(*times: int | None) -> list[int]:
    return [time for time in times if time is not None]
