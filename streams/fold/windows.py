"""Exact sliding windows: the times of the newest events of each accumulator; what they decide is in `segments`."""

from bisect import insort
from collections.abc import Mapping
from operator import neg

from definitions import Accumulator, Program
from schemas.records import Event
from streams.fold.traits import parse_object

_NONE: Mapping[str, object] = {}


def add(windows: dict[str, list[int]], event: Event, as_of: int, program: Program) -> list[str]:
    """Put an event at time <= `as_of` into the windows that want it; returns the ids of their accumulators."""
    touched = []
    properties = None
    for accumulator in program.accumulators_for(event.type, event.event):
        if accumulator.needs_properties and properties is None:
            properties = parse_object(event.properties)
        if accumulator.matches(event.type, event.event, properties or _NONE):
            times = windows.get(accumulator.id)
            if times is None:
                times = windows[accumulator.id] = []
            if not times or event.occurred_at >= times[0]:
                times.insert(0, event.occurred_at)
            else:
                insort(times, event.occurred_at, key=neg)
            _bound(times, accumulator, as_of)
            if not times:
                del windows[accumulator.id]
            touched.append(accumulator.id)
    return touched


def unite(windows: dict[str, list[int]], other: Mapping[str, list[int]], as_of: int, program: Program) -> None:
    """Take over the windows of another profile, and drop those that are no longer defined."""
    united = {}
    for accumulator in program.accumulators:
        times = sorted(windows.get(accumulator.id, []) + other.get(accumulator.id, []), reverse=True)
        _bound(times, accumulator, as_of)
        if times:
            united[accumulator.id] = times
    windows.clear()
    windows.update(united)


def _bound(times: list[int], accumulator: Accumulator, as_of: int) -> None:
    del times[accumulator.keep :]
    while times and times[-1] <= as_of - accumulator.retain_ms:
        times.pop()
