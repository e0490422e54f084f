"""Conditions compiled to evaluations over windows and traits at a time: pure, and without a clock of their own.

At time t a window w holds the events with t - w < e <= t. So "at least n within w" is decided by the n-th newest event
alone: it holds until exactly e + w, and once it has failed only a new event can make it hold.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from definitions.model import AllOf, AnyOf, Condition, EventCount, Not, TraitComparison
from definitions.plan import needs
from definitions.streaming.values import compile_comparisons, compile_path

# Later than any time in ms, and small enough that adding a window to it still fits 64 bits.
NEVER = 2**62
_BEFORE_ALL_TIME = -NEVER


class Evaluation(NamedTuple):
    """Whether a condition holds, and the earliest time, after now, at which that may change without an event."""

    holds: bool
    until: int


Windows: TypeAlias = Mapping[str, Sequence[int]]
Traits: TypeAlias = Mapping[str, object]
Evaluate: TypeAlias = Callable[[Windows, Traits, int], Evaluation]

_HOLDS = Evaluation(True, NEVER)
_FAILS = Evaluation(False, NEVER)


def compile_condition(condition: Condition) -> Evaluate:
    """A function of (newest times first by accumulator id, traits by name, now)."""
    match condition:
        case EventCount():
            return _compile_count(condition)
        case TraitComparison():
            return _compile_trait(condition)
        case Not():
            return _compile_not(compile_condition(condition.condition))
        case AllOf():
            return _compile_group(condition.conditions, settles=False)
        case AnyOf():
            return _compile_group(condition.conditions, settles=True)
        case _:
            raise NotImplementedError(f"condition {condition}")


def _compile_count(count: EventCount) -> Evaluate:
    (needed,) = needs(count)
    if count.at_least is None or count.window.ms is None:
        raise NotImplementedError(f"condition {count}")
    accumulator, within_ms, nth = needed.id, count.window.ms, count.at_least - 1

    def evaluate(windows: Windows, _traits: Traits, now: int) -> Evaluation:
        times = windows.get(accumulator)
        if times is None or len(times) <= nth:
            return _FAILS
        leaves_at = times[nth] + within_ms
        return Evaluation(True, leaves_at) if leaves_at > now else _FAILS

    return evaluate


def _compile_trait(comparison: TraitComparison) -> Evaluate:
    read, passes = compile_path(comparison.path), compile_comparisons(comparison.comparisons)

    def evaluate(_windows: Windows, traits: Traits, _now: int) -> Evaluation:
        return _HOLDS if passes(read(traits)) else _FAILS

    return evaluate


def _compile_not(inner: Evaluate) -> Evaluate:
    def evaluate(windows: Windows, traits: Traits, now: int) -> Evaluation:
        holds, until = inner(windows, traits, now)
        return Evaluation(not holds, until)

    return evaluate


def _compile_group(conditions: tuple[Condition, ...], settles: bool) -> Evaluate:
    """`any` is settled by a condition that holds, `all` by one that fails.

    A settled group stays so for as long as the most lasting of the settling ones, an open one until the first change
    of a condition. Looking for the most lasting one saves deadlines that change nothing.
    """
    evaluations = tuple(compile_condition(condition) for condition in conditions)

    def evaluate(windows: Windows, traits: Traits, now: int) -> Evaluation:
        settled_until, open_until = _BEFORE_ALL_TIME, NEVER
        for inner in evaluations:
            holds, until = inner(windows, traits, now)
            if holds is settles:
                if until == NEVER:
                    return Evaluation(settles, NEVER)
                settled_until = max(settled_until, until)
            elif until < open_until:
                open_until = until
        if settled_until > _BEFORE_ALL_TIME:
            return Evaluation(settles, settled_until)
        return Evaluation(not settles, open_until)

    return evaluate
