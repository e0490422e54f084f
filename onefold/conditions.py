"""Parts of conditions in a few words, for people who have the definition at hand."""

from definitions.model import (
    Aggregate,
    AggregateComparison,
    Comparison,
    EventCount,
    EventMatcher,
    InSegment,
    Leaf,
    Sample,
    Sequence,
    SessionComparison,
    Step,
    TraitComparison,
    Window,
)
from runtime.literal import literal

_UNITS = ((7 * 86_400_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


def worded(leaf: Leaf) -> str:
    """Return a part of a condition in words."""
    match leaf:
        case EventCount():
            same = f" with the same {'.'.join(leaf.same.path)}" if leaf.same else ""
            words = f"{_bounds(leaf)} {_events(leaf.events)}{same}{_window(leaf.window)}"
        case AggregateComparison():
            words = f"{_aggregate(leaf.aggregate)} {_comparisons(leaf.comparisons)}"
        case Sequence():
            steps = " then ".join(map(_step, leaf.steps))
            words = f"{steps}, {leaf.at_least} times or more within {_duration(leaf.within_ms)}"
        case TraitComparison():
            words = f"trait {'.'.join(leaf.path)} {_comparisons(leaf.comparisons)}"
        case SessionComparison():
            words = f"{leaf.fact} of the {leaf.session} session {_comparisons(leaf.comparisons)}"
        case InSegment():
            words = f"in segment {leaf.name}"
        case Sample():
            words = f"in a sample of {leaf.permille / 10:g} %"
    return literal(words)


def _bounds(count: EventCount) -> str:
    least = "" if count.at_least is None else f"at least {count.at_least}"
    most = "" if count.at_most is None else f"at most {count.at_most}"
    return " and ".join(filter(None, (least, most)))


def _events(events: EventMatcher) -> str:
    names = " or ".join(call.name or f"any {call.type or 'event'}" for call in events.calls) or "any event"
    return f"{names} with {', '.join('.'.join(each.path) for each in events.where)} as asked" if events.where else names


def _window(window: Window) -> str:
    session = " in the session" if window.session else ""
    return f"{session} within {_duration(window.ms)}" if window.ms is not None else session


def _aggregate(aggregate: Aggregate) -> str:
    of = f" of {'.'.join(aggregate.of.path)}" if aggregate.of else ""
    return f"{aggregate.measure.value}{of} of {_events(aggregate.events)}{_window(aggregate.window)}"


def _step(step: Step) -> str:
    within = f" within {_duration(step.within_ms)}" if step.within_ms is not None else ""
    without = f" without {_events(step.without)} before it" if step.without else ""
    return f"{'no ' if step.absent else ''}{_events(step.events)}{within}{without}"


def _comparisons(comparisons: tuple[Comparison, ...]) -> str:
    return " and ".join(f"{each.operator.value} {each.operand!r}" for each in comparisons)


def _duration(ms: int) -> str:
    for size, unit in _UNITS:
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms} ms"
