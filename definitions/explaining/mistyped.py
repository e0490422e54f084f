"""Values of a wrong type, because of which events do not count: `{"total": "80 EUR"}` where a sum of totals is wanted.

Said is what is not as a definition needs it and would count otherwise; what it does not look for is no mistake.
"""

from collections.abc import Callable

from definitions.model import EventMatcher, PropertyFilter
from definitions.plan.accumulators import Accumulator
from definitions.streaming.accumulators import (
    OpenParts,
    compile_accumulator,
    compile_filters,
    compile_reader,
    has_no_number,
    numeric_readers,
)

ReadMistyped = Callable[[OpenParts], object]
"""Returns the first value of an event of the right call that alone keeps it, or part of it, out; None if none does."""


def compile_mistyped(planned: Accumulator) -> ReadMistyped:
    """Return what finds the values that keep events out of an accumulator."""
    in_filters, accumulator = compile_mistyped_filters(planned.events), compile_accumulator(planned)
    is_mistyped, of = accumulator.is_mistyped, planned.of
    if is_mistyped is None or of is None:
        return in_filters
    read = compile_reader(of.root, of.path)

    def find(parts: OpenParts) -> object:
        if accumulator.matches(parts):
            return read(parts) if is_mistyped(parts) else None
        return in_filters(parts)

    return find


def compile_mistyped_filters(events: EventMatcher) -> ReadMistyped:
    """Return what finds the values that keep events from passing filters which compare numbers."""
    others = EventMatcher(occurred=events.occurred, where=tuple(each for each in events.where if not _is_numeric(each)))
    passes_others = compile_filters(others)
    numeric = tuple(
        (compile_filters(EventMatcher(where=(each,))), tuple(numeric_readers((each,))))
        for each in events.where
        if _is_numeric(each)
    )

    def find(parts: OpenParts) -> object:
        if not all(passes(parts) for passes in passes_others):
            return None
        failed = [readers for filters, readers in numeric if not all(passes(parts) for passes in filters)]
        if not failed or not all(has_no_number(parts, readers) for readers in failed):
            return None
        return failed[0][0](parts)

    return find


def _is_numeric(each: PropertyFilter) -> bool:
    return next(numeric_readers((each,)), None) is not None
