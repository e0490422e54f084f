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

Places: TypeAlias = list[tuple[int, int, str]]
"""Places of events in the total order, in that order."""
Same: TypeAlias = tuple[bool, Scalar | None]
"""A value that all events of a sequence have, such that true and 1 are two."""

_NO_PLACES: Places = []


class _CompiledStep(NamedTuple):
    step: Step
    events: str
    without: str | None


def compile_sequence(sequence: EventSequence, key_of: KeyOf) -> Callable[[Subject, int], Evaluation]:
    """Return whether a sequence was completed often enough in its window, at a time."""
    steps, has_same = tuple(_compile_steps(sequence, key_of)), sequence.same is not None

    def evaluate(subject: Subject, now: int) -> Evaluation:
        first = _places(subject, steps[0].events, has_same)
        if not first:
            return Evaluation(False, NEVER)
        found: list[tuple[Step, dict[Same, Places], dict[Same, Places]]] = [
            (
                compiled.step,
                _places(subject, compiled.events, has_same) if index else first,
                {} if compiled.without is None else _places(subject, compiled.without, has_same),
            )
            for index, compiled in enumerate(steps)
        ]
        completed = sorted(
            at
            for same in first
            for at in _completions(
                [(step, events.get(same, _NO_PLACES), without.get(same, _NO_PLACES)) for step, events, without in found]
            )
        )
        return _evaluate(completed, sequence.within_ms, sequence.at_least, now)

    return evaluate


def _compile_steps(sequence: EventSequence, key_of: KeyOf) -> Iterator[_CompiledStep]:
    needed = iter(needs(sequence))
    for step in sequence.steps:
        events = key_of(next(needed))
        yield _CompiledStep(step, events, None if step.without is None else key_of(next(needed)))


def _places(subject: Subject, key: str, has_same: bool) -> dict[Same, Places]:
    """Return the places of the newest events of a step, by the value that all are to have (one for all without)."""
    state = subject.state(key)
    if not isinstance(state, Newest):
        return {}
    newest = state.entries[-MAX_STEP_EVENTS:]
    if not has_same:
        return {(False, None): [entry[:3] for entry in newest]}
    places: defaultdict[Same, Places] = defaultdict(list)
    for entry in newest:
        places[_same(entry)].append(entry[:3])
    return places


def _same(entry: Entry) -> Same:
    return isinstance(entry[3], bool), entry[3]


def _completions(steps: Sequence[tuple[Step, Places, Places]]) -> Iterator[int]:
    """Yield the times at which a sequence of one value is completed, also those to come if no event comes."""
    (_, reached, _), *others = steps
    for step, events, without in others:
        if step.absent:
            assert step.within_ms is not None, "an absent step has an end"
            yield from _unanswered(reached, events, step.within_ms)
            return
        reached = [
            place
            for place in events
            if (before := _latest_before(place, reached)) is not None and _follows(place, before, step, without)
        ]
    yield from (at for at, _, _ in reached)


def _latest_before(place: tuple[int, int, str], reached: Places) -> tuple[int, int, str] | None:
    index = bisect_left(reached, place)
    return reached[index - 1] if index else None


def _follows(place: tuple[int, int, str], before: tuple[int, int, str], step: Step, without: Places) -> bool:
    if step.within_ms is not None and place[0] - before[0] >= step.within_ms:
        return False
    return not without or bisect_left(without, place) == bisect_right(without, before)


def _unanswered(reached: Places, answers: Places, within_ms: int) -> Iterator[int]:
    for place in reached:
        index = bisect_right(answers, place)
        if index == len(answers) or answers[index][0] - place[0] >= within_ms:
            yield place[0] + within_ms


def _evaluate(completed: Sequence[int], within_ms: int, at_least: int, now: int) -> Evaluation:
    """Evaluate whether there are enough completions in the window; `completed`: their times, also those to come."""

    def holds(at: int) -> bool:
        return bisect_right(completed, at) - bisect_right(completed, at - within_ms) >= at_least

    answer = holds(now)
    changes = {at for time in completed for at in (time, time + within_ms) if at > now}
    return Evaluation(answer, next((at for at in sorted(changes) if holds(at) is not answer), NEVER))
