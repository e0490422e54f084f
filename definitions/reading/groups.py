"""What can never hold in a group of conditions, or always does: `all` and `any`, whatever is nested in them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from definitions.model import (
    AggregateComparison,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    ConsentComparison,
    EventCount,
    EventMatcher,
    Not,
    Sample,
    SessionComparison,
    TraitComparison,
    Window,
)
from definitions.reading.contradictions import Required

_key = msgspec.msgpack.Encoder().encode
"""A condition as bytes: they are compared at once, and tell true from 1."""


def contradiction_in_all(conditions: Sequence[Condition]) -> tuple[int, str] | None:
    """Return the number of the first condition that cannot hold beside those before it, and why; None if all can."""
    earlier = _Earlier()
    for number, condition in enumerate(conditions):
        for part in _parts(condition):
            reason = earlier.against(part)
            if reason is not None:
                return number, reason
            earlier.add(part)
    return None


def tautology_in_any(conditions: Sequence[Condition]) -> int | None:
    """Return the number of the first condition that is the `not` of one before it, so that one always holds."""
    before: set[bytes] = set()
    for number, condition in enumerate(conditions):
        if _key(_opposite(condition)) in before:
            return number
        before.add(_key(condition))
    return None


def _opposite(condition: Condition) -> Condition:
    return condition.condition if isinstance(condition, Not) else Not(condition)


def _parts(condition: Condition) -> Iterable[Condition]:
    """The conditions that hold if this one does: those of an inner `all`, and the `not` of each of an inner `any`."""
    match condition:
        case AllOf():
            for inner in condition.conditions:
                yield from _parts(inner)
        case Not(condition=AnyOf(conditions=conditions)):
            for inner in conditions:
                yield from _parts(_opposite(inner))
        case _:
            yield condition


class _Bound(msgspec.Struct, frozen=True):
    """At least, or at most, `number` events in a window."""

    events: EventMatcher
    window: Window
    number: int


class _Earlier:
    """What conditions ask for together, kept by what they ask it of: each further one meets few of them."""

    def __init__(self) -> None:
        self._conditions: set[bytes] = set()
        self._values: defaultdict[bytes, Required] = defaultdict(Required)
        self._lower: defaultdict[bytes, dict[bytes, _Bound]] = defaultdict(dict)
        self._upper: defaultdict[bytes, dict[bytes, _Bound]] = defaultdict(dict)
        self._samples: dict[str, int] = {}
        self._without_samples: dict[str, int] = {}
        self._answers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def against(self, condition: Condition) -> str | None:
        """Return why a condition cannot hold beside them; an `any` cannot if none of its conditions can."""
        if isinstance(condition, AnyOf):
            reasons = [self.against(part) for part in condition.conditions if not isinstance(part, AnyOf | AllOf)]
            known = [reason for reason in reasons if reason is not None]
            return known[0] if len(known) == len(condition.conditions) else None
        if _key(_opposite(condition)) in self._conditions:
            return "one condition is the `not` of another"
        return self._against_alike(condition)

    def _against_alike(self, condition: Condition) -> str | None:
        match condition:
            case TraitComparison() | AggregateComparison() | SessionComparison():
                subject, comparisons = _subject(condition)
                return self._values[subject].contradicts(comparisons) if subject in self._values else None
            case EventCount() | Not(condition=EventCount()):
                return self._against_count(condition)
            case Sample() | Not(condition=Sample()):
                return self._against_sample(condition)
            case ConsentComparison():
                return self._against_consent(condition)
            case _:
                return None

    def add(self, condition: Condition) -> None:
        """Ask for one more, which contradicts none of them."""
        self._conditions.add(_key(condition))
        match condition:
            case TraitComparison() | AggregateComparison() | SessionComparison():
                subject, comparisons = _subject(condition)
                self._values[subject].add(comparisons)
            case EventCount() | Not(condition=EventCount()):
                least, most = _count_bounds(condition)
                _keep_stricter(self._lower, least, is_lower=True)
                _keep_stricter(self._upper, most, is_lower=False)
            case Sample():
                self._samples[condition.salt] = min(condition.permille, self._samples.get(condition.salt, 1_000))
            case Not(condition=Sample(permille=permille, salt=salt)):
                self._without_samples[salt] = max(permille, self._without_samples.get(salt, 0))
            case ConsentComparison():
                self._answers[condition.purpose, condition.channel].add(condition.answer)
            case _:
                pass

    def _against_count(self, condition: EventCount | Not) -> str | None:
        least, most = _count_bounds(condition)
        pairs = [] if least is None else [(least, upper) for upper in _of_same_calls(self._upper, least)]
        pairs += [] if most is None else [(lower, most) for lower in _of_same_calls(self._lower, most)]
        for lower, upper in pairs:
            if (
                lower.number > upper.number
                and _lies_in(lower.window, upper.window)
                and all(each in lower.events.where for each in upper.events.where)
            ):
                return f"at least {lower.number} and at most {upper.number} of the same events"
        return None

    def _against_sample(self, condition: Sample | Not) -> str | None:
        """A smaller sample of one salt is a part of a larger one."""
        if isinstance(condition, Sample):
            is_part = condition.permille <= self._without_samples.get(condition.salt, 0)
        else:
            without = condition.condition
            is_part = isinstance(without, Sample) and self._samples.get(without.salt, 1_001) <= without.permille
        return "a sample without a larger one of the same salt" if is_part else None

    def _against_consent(self, condition: ConsentComparison) -> str | None:
        """What was said comes to one status, and what is denied is not allowed."""
        for answer in sorted(self._answers.get((condition.purpose, condition.channel), ())):
            answers = {condition.answer, answer}
            if len(answers) == 2 and ("allowed" not in answers or "denied" in answers):
                return f"{answer} and {condition.answer} for one purpose"
        return None


def _subject(
    condition: TraitComparison | AggregateComparison | SessionComparison,
) -> tuple[bytes, tuple[Comparison, ...]]:
    return _key(msgspec.structs.replace(condition, comparisons=())), condition.comparisons


def _count_bounds(condition: EventCount | Not) -> tuple[_Bound | None, _Bound | None]:
    """The least and the greatest number that a count asks for, or the `not` of one that has only one of them."""
    count = condition.condition if isinstance(condition, Not) else condition
    if not isinstance(count, EventCount) or count.same is not None:
        return None, None
    least, most = count.at_least, count.at_most
    if isinstance(condition, Not):
        if least is not None and most is not None:
            return None, None
        least, most = (None if most is None else most + 1), (None if least is None else least - 1)
    lower, upper = (None if number is None else _Bound(count.events, count.window, number) for number in (least, most))
    return lower, upper


def _keep_stricter(bounds: dict[bytes, dict[bytes, _Bound]], bound: _Bound | None, is_lower: bool) -> None:
    if bound is None:
        return
    of_calls = bounds[_calls(bound)]
    counted = _key((bound.events, bound.window))
    known = of_calls.get(counted, bound)
    of_calls[counted] = (max if is_lower else min)(known, bound, key=lambda each: each.number)


def _of_same_calls(bounds: dict[bytes, dict[bytes, _Bound]], bound: _Bound) -> Iterable[_Bound]:
    return bounds.get(_calls(bound), {}).values()


def _calls(bound: _Bound) -> bytes:
    """Events of the same calls and time are of one key, whatever is asked of them: more asked makes them fewer."""
    return _key(msgspec.structs.replace(bound.events, where=()))


def _lies_in(inner: Window, outer: Window) -> bool:
    """Whether every event of the inner window is one of the outer."""
    is_as_long = outer.ms is None or (inner.ms is not None and inner.ms <= outer.ms)
    return is_as_long and (inner.session or not outer.session)
