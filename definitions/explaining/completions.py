"""Which events completed a sequence, and when; whether that makes a condition hold is for `streaming` to say."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from definitions.explaining.past import PastProfile
from definitions.model import Sequence as EventSequence
from definitions.model import Step
from definitions.plan import needs
from definitions.plan.accumulators import MAX_STEP_EVENTS, Accumulator
from schemas.records import Event


class SequenceCompletion(NamedTuple):
    """A time (ms) at which a sequence was completed, and the event of each step that was done."""

    at: int
    events: tuple[Event, ...]


_Order: TypeAlias = tuple[int, int, str]
_Chain: TypeAlias = tuple[Event, ...]
_ByValue: TypeAlias = Mapping[object, Sequence[Event]]


def completions(sequence: EventSequence, past: PastProfile) -> list[SequenceCompletion]:
    """Return the completions in the window of a sequence, in the order of their times."""
    needed = iter(needs(sequence))
    steps = [
        (step, _by_value(sequence, next(needed), past), _by_value(sequence, next(needed), past) if step.without else {})
        for step in sequence.steps
    ]
    found = (
        each
        for value in steps[0][1]
        for each in _completed(
            [(step, events.get(value, ()), without.get(value, ())) for step, events, without in steps]
        )
        if past.now - sequence.within_ms < each.at <= past.now
    )
    return sorted(found, key=itemgetter(0))


def _by_value(sequence: EventSequence, need: Accumulator, past: PastProfile) -> _ByValue:
    """Return the newest events of a step by the value that all have; true and 1 are two."""
    by_value: defaultdict[object, list[Event]] = defaultdict(list)
    for event in past.matching(need)[-MAX_STEP_EVENTS:]:
        value = None if sequence.same is None else past.value_of(event, need)
        by_value[isinstance(value, bool), value].append(event)
    return by_value


def _completed(steps: Sequence[tuple[Step, Sequence[Event], Sequence[Event]]]) -> Iterator[SequenceCompletion]:
    chains: list[_Chain] = [(event,) for event in steps[0][1]]
    for step, events, without in steps[1:]:
        if step.absent:
            assert step.within_ms is not None, "an absent step has an end"
            yield from _unanswered(chains, events, step.within_ms)
            return
        chains = [
            (*before, event)
            for event in events
            if (before := _latest_before(event, chains)) and _follows(event, before[-1], step, without)
        ]
    for chain in chains:
        yield SequenceCompletion(chain[-1].occurred_at, chain)


def _unanswered(chains: Sequence[_Chain], answers: Sequence[Event], within_ms: int) -> Iterator[SequenceCompletion]:
    for chain in chains:
        last = chain[-1]
        index = bisect_right(answers, _order(last), key=_order)
        if index == len(answers) or answers[index].occurred_at - last.occurred_at >= within_ms:
            yield SequenceCompletion(last.occurred_at + within_ms, chain)


def _latest_before(event: Event, chains: Sequence[_Chain]) -> _Chain:
    index = bisect_left(chains, _order(event), key=_order_of_last)
    return chains[index - 1] if index else ()


def _follows(event: Event, before: Event, step: Step, without: Sequence[Event]) -> bool:
    if step.within_ms is not None and event.occurred_at - before.occurred_at >= step.within_ms:
        return False
    return bisect_left(without, _order(event), key=_order) == bisect_right(without, _order(before), key=_order)


def _order(event: Event) -> _Order:
    return event.occurred_at, event.ordinal, event.message_id


def _order_of_last(chain: _Chain) -> _Order:
    return _order(chain[-1])
