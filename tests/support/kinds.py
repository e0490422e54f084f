"""Cases of one kind: one of them is enough for `make test`."""

from collections.abc import Iterable

import pytest


def one_is_enough(cases: Iterable[object]) -> list[object]:
    """Return the cases for `parametrize`: `make test` runs the first, `make test-slow` the others."""
    first, *others = cases
    return [first, *(pytest.param(each, marks=pytest.mark.slow) for each in others)]
