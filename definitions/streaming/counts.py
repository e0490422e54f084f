"""Counts of events compiled to evaluations: the n-th newest event alone decides until when a count lasts."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from definitions.model import EventCount, Scalar, Window
from definitions.plan import needs
from definitions.plan.accumulators import MAX_VALUES
from definitions.streaming.keys import KeyOf
from definitions.streaming.states import Calls, Newest, Spans, Times
from definitions.streaming.subject import NEVER, Evaluation, Subject, grouped

_ENDLESS = -NEVER
_FAILS: Evaluation = (False, NEVER)


def compile_count(count: EventCount, key_of: KeyOf) -> Callable[[Subject, int], Evaluation]:
    """Return whether the number of matching events lies within its limits, at a time."""
    (need,) = needs(count)
    key, window, limits = key_of(need), count.window, _Limits(count)
    is_plain = count.same is None and not count.events.sessions and not window.session
    if is_plain and count.at_least and count.at_most is None and window.ms is not None:
        return _compile_at_least(key, count.at_least, window.ms)

    def evaluate(subject: Subject, now: int) -> Evaluation:
        state = subject.state(key)
        match state:
            case Calls():
                return limits.admit(state.number), NEVER
            case Times() | Newest() | Spans() if count.same is None:
                return within_session(window, subject, now, limits.at(state.times, window, subject, now), limits.empty)
            case Newest():
                evaluations = (limits.at(times, window, subject, now) for times in limits.reached(_by_value(state)))
                return within_session(window, subject, now, grouped(evaluations, decided_by=True), limits.empty)
            case _:
                return limits.empty, NEVER

    return evaluate


def _compile_at_least(key: str, at_least: int, within_ms: int) -> Callable[[Subject, int], Evaluation]:
    """Return the commonest count: it lasts until the n-th newest event leaves, and only an event makes it begin."""

    def evaluate(subject: Subject, now: int) -> Evaluation:
        state = subject.state(key)
        if state is None:
            return _FAILS
        if isinstance(state, Times):
            times = state.times
            if len(times) < at_least:
                return _FAILS
            leaves_at = times[-at_least] + within_ms
        else:
            assert isinstance(state, Newest)
            entries = state.entries
            if len(entries) < at_least:
                return _FAILS
            leaves_at = entries[-at_least][0] + within_ms
        return (True, leaves_at) if leaves_at > now else _FAILS

    return evaluate


def after(window: Window, subject: Subject, now: int) -> int:
    """Return the time after which events are in a window; NEVER if none are."""
    begins = _ENDLESS if window.ms is None else now - window.ms
    if window.session:
        bounds = subject.session(now)
        return NEVER if bounds is None else max(begins, bounds.started_at - 1)
    return begins


def within_session(window: Window, subject: Subject, now: int, known: Evaluation, empty: bool) -> Evaluation:
    """Have an evaluation end with the session, if its window does; `empty`: whether it holds without events."""
    if not window.session:
        return known
    bounds = subject.session(now)
    holds, until = known
    if bounds is None or until < bounds.ends_at:
        return known
    return holds, NEVER if holds is empty else bounds.ends_at


class _Limits:
    """Between which numbers a count lies."""

    __slots__ = ("_greatest", "_least", "empty")

    def __init__(self, count: EventCount) -> None:
        self._least = count.at_least or 0
        self._greatest = NEVER if count.at_most is None else count.at_most
        self.empty = self.admit(0) and count.same is None

    def admit(self, number: int) -> bool:
        return self._least <= number <= self._greatest

    def reached(self, groups: Iterable[list[int]]) -> Iterator[list[int]]:
        """Yield the groups that have enough events; time alone does not help the others."""
        return (times for times in groups if len(times) >= self._least)

    def at(self, times: Sequence[int], window: Window, subject: Subject, now: int) -> Evaluation:
        """Evaluate the count of those `times`, oldest first, that are in the window."""
        begins = after(window, subject, now)
        number = len(times) - bisect_right(times, begins) if begins > _ENDLESS else len(times)
        if number > self._greatest:
            falls_to = self._greatest
        elif number >= self._least > 0:
            falls_to = self._least - 1
        else:
            return self.admit(number), NEVER
        until = NEVER if window.ms is None else times[-falls_to - 1] + window.ms
        return self.admit(number), until


def _by_value(state: Newest) -> Iterable[list[int]]:
    times: defaultdict[tuple[bool, Scalar | None], list[int]] = defaultdict(list)
    for at, _, _, value in state.entries[-MAX_VALUES:]:
        times[isinstance(value, bool), value].append(at)
    return times.values()
