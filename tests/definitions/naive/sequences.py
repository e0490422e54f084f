"""Sequences of events: when they are completed."""

from collections.abc import Sequence

from definitions.model import EventMatcher, Step
from definitions.model import Sequence as EventSequence
from tests.definitions.naive.events import matches, value_of
from tests.definitions.naive.lives import Happened, Life, order_of, past
from tests.definitions.naive.values import rank

NEWEST_OF_STEP = 100


def completions_in_window(sequence: EventSequence, life: Life, now: int) -> int:
    return sum(now - sequence.within_ms < at <= now for at in completions(sequence, life, now))


def completions(sequence: EventSequence, life: Life, now: int) -> list[int]:
    """The time of each completion."""
    *present, last = sequence.steps
    if not last.absent:
        present.append(last)
    ends = [
        event
        for event in newest_of(present[-1].events, sequence, life, now)
        if leads_to(event, present, sequence, life, now)
    ]
    if not last.absent:
        return [end.at for end in ends]
    assert last.within_ms is not None
    candidates = newest_of(last.events, sequence, life, now)
    return [
        end.at + last.within_ms
        for end in ends
        if not any(
            order_of(end) < order_of(other) and other.at < end.at + last.within_ms and is_same(sequence, end, other)
            for other in candidates
        )
    ]


def newest_of(matcher: EventMatcher, sequence: EventSequence, life: Life, now: int) -> list[Happened]:
    events = [event for event in past(life, now) if matches(matcher, event)]
    if sequence.same is not None:
        events = [event for event in events if value_of(sequence.same, event) is not None]
    return events[-NEWEST_OF_STEP:]


def is_same(sequence: EventSequence, one: Happened, other: Happened) -> bool:
    if sequence.same is None:
        return True
    value, other_value = value_of(sequence.same, one), value_of(sequence.same, other)
    assert value is not None
    assert other_value is not None
    return rank(value) == rank(other_value)


def leads_to(event: Happened, steps: Sequence[Step], sequence: EventSequence, life: Life, now: int) -> bool:
    """Whether events of the steps before the last one lead to an event of that one."""
    *before, step = steps
    if not before:
        return True
    against = [] if step.without is None else newest_of(step.without, sequence, life, now)
    return any(
        order_of(earlier) < order_of(event)
        and (step.within_ms is None or event.at - earlier.at < step.within_ms)
        and is_same(sequence, earlier, event)
        and not any(
            order_of(earlier) < order_of(other) < order_of(event) and is_same(sequence, other, event)
            for other in against
        )
        and leads_to(earlier, before, sequence, life, now)
        for earlier in newest_of(before[-1].events, sequence, life, now)
    )
