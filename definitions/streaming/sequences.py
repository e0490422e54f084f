"""Sequences compiled to evaluations: looked for among the newest events of each step, completed at exact times.

Of the events that a step can follow, the latest is the best: it is the closest in time, and the fewest lie in between.
So each event is looked at once.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from definitions.model import Scalar, Step
from definitions.model import Sequence as EventSequence
from definitions.plan import needs
from definitions.plan.accumulators import MAX_STEP_EVENTS
from definitions.streaming.keys import KeyOf
from definitions.streaming.states import Entry, Newest
from definitions.streaming.subject import NEVER, Evaluation, Subject

Entries: TypeAlias = list[Entry]
"""Events in the total order, all of one value: so they compare as their entries do."""
Same: TypeAlias = tuple[bool, Scalar | None]
"""A value that all events of a sequence have, such that true and 1 are two."""
Steps: TypeAlias = Sequence[tuple[Step, Entries, Entries]]
"""The steps, each with its events and those of `without`."""

_NONE: Entries = []
_FAILS: Evaluation = (False, NEVER)


class _CompiledStep(NamedTuple):
    step: Step
    events: str
    without: str | None


def compile_sequence(sequence: EventSequence, key_of: KeyOf) -> Callable[[Subject, int], Evaluation]:
    """Return whether a sequence was completed often enough in its window, at a time."""
    compiled, within_ms, at_least = tuple(_compile_steps(sequence, key_of)), sequence.within_ms, sequence.at_least
    completed = _completed if sequence.same is None else _completed_by_value

    def evaluate(subject: Subject, now: int) -> Evaluation:
        steps = []
        for step, events, without in compiled:
            newest = _newest(subject, events)
            if not newest and not step.absent:
                return _FAILS
            steps.append((step, newest, _NONE if without is None else _newest(subject, without)))
        return _evaluate(completed(steps), within_ms, at_least, now)

    return evaluate


def _compile_steps(sequence: EventSequence, key_of: KeyOf) -> Iterator[_CompiledStep]:
    needed = iter(needs(sequence))
    for step in sequence.steps:
        events = key_of(next(needed))
        yield _CompiledStep(step, events, None if step.without is None else key_of(next(needed)))


def _newest(subject: Subject, key: str) -> Entries:
    """Return the newest events of a step."""
    state = subject.state(key)
    if not isinstance(state, Newest):
        return _NONE
    entries = state.entries
    return entries if len(entries) <= MAX_STEP_EVENTS else entries[-MAX_STEP_EVENTS:]


def _completed_by_value(steps: Steps) -> list[int]:
    """Return the times at which a sequence of any one value is completed, in their order."""
    by_value = [(step, _by_value(events), _by_value(without)) for step, events, without in steps]
    _, first, _ = by_value[0]
    return sorted(
        at
        for same in first
        for at in _completed(
            [(step, events.get(same, _NONE), without.get(same, _NONE)) for step, events, without in by_value]
        )
    )


def _by_value(entries: Entries) -> dict[Same, Entries]:
    by_value: defaultdict[Same, Entries] = defaultdict(list)
    for entry in entries:
        by_value[isinstance(entry[3], bool), entry[3]].append(entry)
    return by_value


def _completed(steps: Steps) -> list[int]:
    """Return the times at which a sequence is completed, in their order, also those to come if no event comes."""
    (_, reached, _), *others = steps
    for step, events, without in others:
        if step.absent:
            assert step.within_ms is not None, "an absent step has an end"
            return _unanswered(reached, events, step.within_ms)
        reached = [
            entry
            for entry in events
            if (before := _latest_before(entry, reached)) is not None and _follows(entry, before, step, without)
        ]
    return [entry[0] for entry in reached]


def _latest_before(entry: Entry, reached: Entries) -> Entry | None:
    index = bisect_left(reached, entry)
    return reached[index - 1] if index else None


def _follows(entry: Entry, before: Entry, step: Step, without: Entries) -> bool:
    if step.within_ms is not None and entry[0] - before[0] >= step.within_ms:
        return False
    return not without or bisect_left(without, entry) == bisect_right(without, before)


def _unanswered(reached: Entries, answers: Entries, within_ms: int) -> list[int]:
    """Return the times at which events have gone without an answer."""
    unanswered, index = list[int](), 0
    number = len(answers)
    for entry in reached:  # in their order, as the answers are
        index = bisect_right(answers, entry, index)
        if index == number or answers[index][0] - entry[0] >= within_ms:
            unanswered.append(entry[0] + within_ms)
    return unanswered


def _evaluate_any(completed: list[int], within_ms: int, now: int) -> Evaluation:
    """Evaluate whether there is one of some completions in the window: until the first gap that long."""
    until = completed[0]
    if until > now:
        return False, until
    for at in completed:
        if at > until:
            break
        until = at + within_ms
    return True, until


def _evaluate(completed: list[int], within_ms: int, at_least: int, now: int) -> Evaluation:
    """Evaluate whether there are enough completions in the window; `completed`: their times, also those to come."""
    gone = bisect_right(completed, now - within_ms)
    if gone:
        completed = completed[gone:]
    if len(completed) < at_least:
        return _FAILS
    if at_least == 1:
        return _evaluate_any(completed, within_ms, now)

    def holds(at: int) -> bool:
        return bisect_right(completed, at) - bisect_right(completed, at - within_ms) >= at_least

    answer = holds(now)
    changes = {at for time in completed for at in (time, time + within_ms) if at > now}
    return answer, next((at for at in sorted(changes) if holds(at) is not answer), NEVER)
