"""Accumulators compiled for the fold: whether an event goes into one; remembering it is left to the fold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from definitions.model import EventMatcher
from definitions.plan.accumulators import Accumulator as Planned
from definitions.streaming.values import compile_comparisons, compile_path

Matches: TypeAlias = Callable[[str, str | None, Mapping[str, object]], bool]


@dataclass(frozen=True, slots=True)
class Accumulator:
    """The times of a profile's newest events of one kind.

    The newest `keep` times are needed, each for `retain_ms` after its event.
    `matches(event_type, event_name, properties)` says whether an event counts; without `needs_properties` the
    properties are not looked at and may be empty.
    """

    id: str
    keep: int
    retain_ms: int
    needs_properties: bool
    events: EventMatcher
    matches: Matches = field(compare=False, repr=False)


def compile_accumulator(planned: Planned) -> Accumulator:
    """Return an accumulator of times as the fold uses it."""
    if planned.keeping != "newest" or planned.of is not None or planned.retain_ms is None:
        raise NotImplementedError(f"accumulator {planned}")
    return Accumulator(
        id=planned.id,
        keep=planned.keep,
        retain_ms=planned.retain_ms,
        needs_properties=bool(planned.events.where),
        events=planned.events,
        matches=_compile(planned.events),
    )


def _compile(events: EventMatcher) -> Matches:
    calls = events.calls
    filters = tuple((compile_path(each.path), compile_comparisons(each.comparisons)) for each in events.where)

    def matches(event_type: str, event_name: str | None, properties: Mapping[str, object]) -> bool:
        if calls and not any(call.type in {None, event_type} and call.name in {None, event_name} for call in calls):
            return False
        for read, passes in filters:  # noqa: SIM110 - runs for every event, and a generator would double its cost
            if not passes(read(properties)):
                return False
        return True

    return matches
