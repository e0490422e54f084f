"""How much requests have taken of something scarce: in all, and for each client. For one event loop."""

from collections import Counter
from collections.abc import Hashable


class Quota:
    """Grants `total` in all, and `per_client` to each, so that no client leaves nothing to the others."""

    def __init__(self, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._taken = 0
        self._taken_by = Counter[Hashable]()

    def take(self, client: Hashable, amount: int) -> bool:
        """Return whether there was so much left; if not, nothing is taken."""
        if self._taken + amount > self._total or self._taken_by[client] + amount > self._per_client:
            return False
        self._taken += amount
        self._taken_by[client] += amount
        return True

    def give_back(self, client: Hashable, amount: int) -> None:
        """Return what was taken before."""
        self._taken -= amount
        self._taken_by[client] -= amount
        if self._taken_by[client] == 0:
            del self._taken_by[client]  # only clients of requests under way are remembered
