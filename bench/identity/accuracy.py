"""Pairwise precision and recall: of all pairs of items, which are said to be of one person, and which are."""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple


class Accuracy(NamedTuple):
    """Numbers of pairs: said and true, said, true."""

    right: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        """Of the pairs that are said to be one person, the part that is; 1 where none is said."""
        return self.right / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        """Of the pairs that are one person, the part that is said; 1 where there is none."""
        return self.right / self.true if self.true else 1.0

    @property
    def is_exact(self) -> bool:
        """No pair too many and none too few; ratios that are rounded do not say so."""
        return self.right == self.said == self.true


def accuracy(pairs: Iterable[tuple[Hashable, Hashable]]) -> Accuracy:
    """Measure items, each as (the person that it is said to be of, the person that it is of)."""
    cells = Counter(pairs)
    said: Counter[Hashable] = Counter()
    true: Counter[Hashable] = Counter()
    for (guess, truth), count in cells.items():
        said[guess] += count
        true[truth] += count
    return Accuracy(*(sum(count * (count - 1) // 2 for count in sizes.values()) for sizes in (cells, said, true)))
