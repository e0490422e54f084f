"""Names that are one slip of the hand away from a defined one: a letter more, less, another one, or two swapped."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from definitions.reading.names import look_alike

SHORTEST = 4
LONGEST = 40
"""Other names are compared by case and width alone: of short ones too many are near, long ones cost memory."""


class NearNames:
    """Defined names by what is left of them without one letter: two that are near leave the same.

    Source: W. Garbe, Symmetric Delete spelling correction.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._alike: dict[str, str] = {}
        self._left: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            self._alike.setdefault(look_alike(name), name)
            for left in _left(name):
                self._left[left].append(name)

    def near(self, name: str) -> str | None:
        """Return the defined name that this one is a slip of, or None."""
        alike = self._alike.get(look_alike(name))
        if alike is not None:
            return alike
        candidates = (other for left in _left(name) for other in self._left.get(left, ()))
        return next((other for other in candidates if is_slip(name, other)), None)


def _left(name: str) -> Iterator[str]:
    if SHORTEST <= len(name) <= LONGEST:
        yield name
        for at in range(len(name)):
            yield name[:at] + name[at + 1 :]


def is_slip(name: str, other: str) -> bool:
    """Return whether one slip lies between two names; a number that is another one is none."""
    shortest = min(len(name), len(other))
    if name == other or shortest < SHORTEST or abs(len(name) - len(other)) > 1:
        return False
    start = next((at for at, pair in enumerate(zip(name, other, strict=False)) if len(set(pair)) == 2), shortest)
    one, two = name[start:], other[start:]
    slips = [(one[1:], two[1:]), (one[1:], two), (one, two[1:]), (one[1::-1] + one[2:], two)]
    return not (one[:1] + two[:1]).isdigit() and any(left == right for left, right in slips)
