"""By what definitions compare a trait: another number concerns those with a threshold between it and the former one."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

from definitions.model import Comparison, Rule, Segment, Trait, TraitComparison, Trigger
from definitions.plan import conditions_of, leaves, traits_shown
from definitions.streaming.values import as_double, is_of_numbers, thresholds_of

_NUMBERS = frozenset({int, float})


class Distinctions(NamedTuple):
    """What an item tells apart of the values of a trait, if it does no more than compare them.

    `thresholds`: numbers from one on from those below it. `others`: whether also values that are no numbers.
    """

    thresholds: tuple[float, ...]
    others: bool


class TraitReaders(NamedTuple):
    """The items that read a trait, by their numbers.

    `any_change`: those that a new value concerns whatever it is. `comparing`: the others; `others`: of these, those
    that tell values apart that are no numbers. `thresholds`: by what they tell numbers apart, sorted; each with its
    item in `at_thresholds`.
    """

    any_change: tuple[int, ...]
    comparing: tuple[int, ...]
    others: tuple[int, ...]
    thresholds: tuple[float, ...]
    at_thresholds: tuple[int, ...]

    def concerned(self, former: Any, value: Any) -> tuple[int, ...]:
        """Return the items that a change may concern; `former` and `value`: what they read before and after it."""
        is_number = type(value) in _NUMBERS
        if is_number is not (type(former) in _NUMBERS):
            return self.any_change + self.comparing
        if not is_number:
            return self.any_change + self.others
        thresholds = self.thresholds
        before, after = bisect_right(thresholds, as_double(former)), bisect_right(thresholds, as_double(value))
        if before == after:
            return self.any_change  # nearly always
        return self.any_change + self.at_thresholds[min(before, after) : max(before, after)]


def readers_of_trait(any_change: Iterable[int], comparing: Mapping[int, Distinctions]) -> TraitReaders:
    """Return the readers of a trait; `comparing`: what those that only compare it tell apart."""
    at_thresholds = sorted(
        (threshold, number) for number, distinctions in comparing.items() for threshold in distinctions.thresholds
    )
    return TraitReaders(
        tuple(any_change),
        tuple(comparing),
        tuple(number for number, distinctions in comparing.items() if distinctions.others),
        tuple(threshold for threshold, _ in at_thresholds),
        tuple(number for _, number in at_thresholds),
    )


def distinctions_of(defined: Trait | Segment | Trigger) -> Mapping[str, Distinctions]:
    """Return what a definition tells apart of each trait; of which it reads more than that is left out."""
    comparisons: dict[str, list[Comparison]] = {}
    within = set[str]()
    for leaf in chain.from_iterable(map(leaves, conditions_of(defined))):
        if isinstance(leaf, TraitComparison):
            name, *rest = leaf.path
            comparisons.setdefault(name, []).extend(() if rest else leaf.comparisons)
            if rest:
                within.add(name)  # of an object; within a number there is nothing to compare
    shown = traits_shown(defined.value) if isinstance(defined, Trait) and isinstance(defined.value, Rule) else ()
    return {
        name: Distinctions(
            tuple(sorted(set(chain.from_iterable(map(thresholds_of, own))))),
            name in within or not all(map(is_of_numbers, own)),
        )
        for name, own in comparisons.items()
        if name not in shown
    }
