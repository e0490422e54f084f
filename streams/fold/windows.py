"""Exact sliding windows: the times of the newest events of each accumulator; what they decide is in `segments`."""

from bisect import insort
from collections.abc import Collection, Mapping
from operator import neg
from typing import Self

from definitions import Accumulator
from schemas.records import Event
from streams.fold.facet import Facet
from streams.fold.moment import Moment
from streams.fold.payload import parse_object

_EMPTY: Mapping[str, object] = {}


class Windows(Facet):
    """The times (ms) of the newest events by accumulator id, newest first."""

    times: dict[str, list[int]] = {}

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Put an event into the windows that want it; returns the ids of their accumulators."""
        changed: list[str] = []
        properties = None
        for accumulator in moment.context.program.accumulators_for(event.type, event.event):
            if accumulator.needs_properties and properties is None:
                properties = parse_object(event.properties)
            if accumulator.matches(event.type, event.event, properties or _EMPTY):
                times = self.times.get(accumulator.id)
                if times is None:
                    times = self.times[accumulator.id] = []
                if not times or event.occurred_at >= times[0]:
                    times.insert(0, event.occurred_at)
                else:
                    insort(times, event.occurred_at, key=neg)
                _bound(times, accumulator, moment.as_of)
                if not times:
                    del self.times[accumulator.id]
                changed.append(accumulator.id)
        return changed

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over the times of another profile; what is no longer defined goes."""
        united = {}
        for accumulator in moment.context.program.accumulators:
            times = self.times.get(accumulator.id, []) + other.times.get(accumulator.id, [])
            times.sort(reverse=True)
            _bound(times, accumulator, moment.as_of)
            if times:
                united[accumulator.id] = times
        self.times = united

    def forget(self, moment: Moment) -> None:
        self.unite(Windows(), moment)


def _bound(times: list[int], accumulator: Accumulator, as_of: int) -> None:
    del times[accumulator.keep :]
    while times and times[-1] <= as_of - accumulator.retain_ms:
        times.pop()
