"""Sequences of events: an event that ends one needs the newest before it that could, and nothing in between."""

from definitions.model import EventMatcher, Sequence
from definitions.plan.accumulators import MAX_STEP_EVENTS, Accumulator, needs
from definitions.sql.columns import SqlText, sql
from definitions.sql.profiles import Profiles


def compile_sequence(sequence: Sequence, profiles: Profiles) -> SqlText:
    """Compile a sequence: whether it is completed often enough in its window.

    Of the events of one step before another one the newest decides: the time to it is the least, and whatever lies
    between the two lies behind all others as well.
    """
    kept = iter(needs(sequence))
    reached = SqlText("")
    for number, step in enumerate(sequence.steps):
        events = _events(step.events, next(kept), sequence, profiles)
        against = None if step.without is None else _events(step.without, next(kept), sequence, profiles)
        if number == 0:
            reached = events
        elif step.absent:
            reached = profiles.column(
                f"arrayFilter(event -> NOT arrayExists(other -> other.1 > event.1 AND other.2 = event.2"
                f" AND other.1.1 - event.1.1 < {step.within_ms}, {{1}}), {{0}})",
                reached,
                events,
            )
        else:
            reached = profiles.column(
                "arrayFilter(event -> {1}, {0})", events, _follows(reached, step.within_ms, against)
            )
    last = sequence.steps[-1]
    delay_ms = last.within_ms or 0 if last.absent else 0
    least, most = profiles.now - sequence.within_ms - delay_ms, profiles.now - delay_ms
    return sql(
        f"arrayCount(event -> event.1.1 > {least} AND event.1.1 <= {most}, {{0}}) >= {sequence.at_least}", reached
    )


def _events(events: EventMatcher, kept: Accumulator, sequence: Sequence, profiles: Profiles) -> SqlText:
    """The newest events of a step that can still count, each as what orders it and its value at `same`."""
    matching = profiles.events.with_value(events, sequence.same)
    value = None if sequence.same is None else profiles.events.value(events, sequence.same)
    return profiles.gathered(profiles.inside(kept.retain_ms, matching), value, MAX_STEP_EVENTS)


def _follows(reached: SqlText, within_ms: int | None, against: SqlText | None) -> SqlText:
    """Whether an event comes in time, and with nothing in between, after the newest that was reached before it."""
    before = "arrayLastIndex(other -> other.1 < event.1 AND other.2 = event.2, {0})"
    conditions = [f"{before} > 0"]
    if within_ms is not None:
        conditions.append(f"event.1.1 - {{0}}[{before}].1.1 < {within_ms}")
    if against is not None:
        conditions.append(
            f"NOT arrayExists(other -> other.1 < event.1 AND other.2 = event.2 AND other.1 > {{0}}[{before}].1, {{1}})"
        )
    return sql(" AND ".join(conditions), reached, against or "")
