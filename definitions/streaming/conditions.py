"""Conditions compiled to evaluations of a subject at a time: pure, and without a clock of their own.

At time t a window w holds the events with t - w < e <= t. An evaluation says until when it lasts: never longer than it
is true, and no shorter than finding out costs.
"""

from collections.abc import Callable
from typing import TypeAlias

from definitions.model import (
    AggregateComparison,
    AllOf,
    AnyOf,
    Condition,
    ConsentComparison,
    EventCount,
    InSegment,
    Not,
    Sample,
    Sequence,
    SessionComparison,
    TraitComparison,
)
from definitions.sampling import is_sampled
from definitions.streaming.aggregates import compile_aggregate_comparison
from definitions.streaming.counts import compile_count
from definitions.streaming.keys import KeyOf
from definitions.streaming.sequences import compile_sequence
from definitions.streaming.subject import NEVER, Evaluation, Subject, grouped
from definitions.streaming.values import compile_test, value_within

Evaluate: TypeAlias = Callable[[Subject, int], Evaluation]

_HOLDS: Evaluation = (True, NEVER)
_FAILS: Evaluation = (False, NEVER)


def compile_condition(condition: Condition, key_of: KeyOf) -> Evaluate:  # noqa: PLR0911 - one for each form
    """Return a function of a subject and a time (ms); `key_of` says where the states of accumulators are."""
    match condition:
        case AllOf():
            return _compile_group(condition.conditions, key_of, decided_by=False)
        case AnyOf():
            return _compile_group(condition.conditions, key_of, decided_by=True)
        case Not():
            return _compile_not(compile_condition(condition.condition, key_of))
        case EventCount():
            return compile_count(condition, key_of)
        case AggregateComparison():
            return compile_aggregate_comparison(condition, key_of)
        case Sequence():
            return compile_sequence(condition, key_of)
        case TraitComparison():
            return _compile_trait(condition)
        case SessionComparison():
            return _compile_session(condition)
        case InSegment(name):
            return lambda subject, _now: _HOLDS if subject.is_member(name) else _FAILS
        case Sample():
            return _compile_sample(condition)
        case ConsentComparison(purpose, channel, answer):
            return lambda subject, _now: _HOLDS if subject.says(purpose, channel, answer) else _FAILS


def _compile_trait(comparison: TraitComparison) -> Evaluate:
    name, *rest = comparison.path
    test = compile_test(comparison.comparisons)
    return lambda subject, now: test(value_within(subject.trait(name), rest), now)


def _compile_session(comparison: SessionComparison) -> Evaluate:
    session, fact, test = comparison.session, comparison.fact, compile_test(comparison.comparisons)

    def evaluate(subject: Subject, now: int) -> Evaluation:
        holds, until = test(subject.fact(session, fact, now), now)
        bounds = subject.session(now) if session == "current" else None
        if bounds is None or bounds.ends_at >= until or test(None, bounds.ends_at)[0] is holds:
            return holds, until
        return holds, bounds.ends_at

    return evaluate


def _compile_sample(sample: Sample) -> Evaluate:
    def evaluate(subject: Subject, _now: int) -> Evaluation:
        return _HOLDS if is_sampled(sample.salt, subject.profile_id, sample.permille) else _FAILS

    return evaluate


def _compile_not(inner: Evaluate) -> Evaluate:
    def evaluate(subject: Subject, now: int) -> Evaluation:
        holds, until = inner(subject, now)
        return not holds, until

    return evaluate


def _compile_group(conditions: tuple[Condition, ...], key_of: KeyOf, decided_by: bool) -> Evaluate:
    evaluations = tuple(compile_condition(condition, key_of) for condition in conditions)
    return lambda subject, now: grouped((each(subject, now) for each in evaluations), decided_by)
