"""Where the state of what a definition needs lies, while definitions change and several of one id may be kept."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from definitions.plan.accumulators import Accumulator as Planned
from definitions.streaming.accumulators import Accumulator

KeyOf: TypeAlias = Callable[[Planned], str]
"""Return the key of the state that has all of what is needed."""


def suffices(kept: Planned, need: Planned) -> bool:
    """Return whether what is kept is enough for a need of the same id."""
    lasts = kept.retain_ms is None or (need.retain_ms is not None and kept.retain_ms >= need.retain_ms)
    return kept.keep >= need.keep and lasts and kept.ordered >= need.ordered


def is_complete(born: int, complete_to: int | None) -> bool:
    """Return whether what was born at a version has all events. `complete_to`: None if everything always had."""
    return complete_to is None or born <= complete_to


class Kept:
    """The accumulators of a program by what they are needed for.

    A need is served by the youngest accumulator that is complete and suffices, or, if none does, by one that is still
    to be completed; then what reads it waits.
    """

    def __init__(self, accumulators: Sequence[Accumulator], complete_to: int | None) -> None:
        self._complete_to = complete_to
        self._by_id: dict[str, list[Accumulator]] = {}
        for each in sorted(accumulators, key=lambda accumulator: -accumulator.born):
            self._by_id.setdefault(each.planned.id, []).append(each)

    def serving(self, need: Planned) -> Accumulator:
        """Return the accumulator that a need reads."""
        candidates = [each for each in self._by_id[need.id] if suffices(each.planned, need)]
        return next((each for each in candidates if is_complete(each.born, self._complete_to)), candidates[0])

    def key_of(self, need: Planned) -> str:
        """Return the key of the accumulator that a need reads."""
        return self.serving(need).key
