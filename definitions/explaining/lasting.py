"""Until when an answer lasts by itself: looked for ahead, since an evaluation says only until when it surely does."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from definitions.explaining.past import PastProfile
from definitions.streaming.subject import NEVER
from definitions.streaming.times import text_of

MOST_LOOKS = 400
"""How many times are looked at, at which an answer may change; of a trait that counts days, one for each day."""

Answer: TypeAlias = Callable[[PastProfile], tuple[object, int]]
"""Returns an answer as of the time of a profile, and the time (ms) up to which it surely lasts."""


class Lasting(NamedTuple):
    """An answer, and the time at which it changes if no event comes; None: never.

    `at_least`: the end was not found within so many looks ahead, and lies at `until` or later.
    """

    answer: object
    until: str | None
    at_least: bool = False


def lasting(evaluate: Answer, past: PastProfile) -> Lasting:
    """Return an answer with the time at which it changes by itself, also by the traits and segments that it reads."""
    answer, until = _answered(evaluate, past.later(past.now))
    for _ in range(MOST_LOOKS):
        if until >= NEVER:
            return Lasting(answer, None)
        then, after = _answered(evaluate, past.later(until))
        if _is_other(then, answer):
            return Lasting(answer, text_of(until))
        until = after
    return Lasting(answer, text_of(until), at_least=True)


def _answered(evaluate: Answer, past: PastProfile) -> tuple[object, int]:
    answer, until = evaluate(past)
    return answer, min(until, past.changes_at())


def _is_other(left: object, right: object) -> bool:
    """Return whether two values of JSON differ: Python holds true and 1 for the same."""
    return msgspec.json.encode(left) != msgspec.json.encode(right)
