"""Expiry: how long a profile of ended sessions is kept; whether a profile is one is left to the agent."""

from typing import Self

from streams.fold.facet import Facet
from streams.fold.moment import Moment


class Expiry(Facet):
    """When a profile of which only ended sessions are known may go.

    `kept_until`: when it may vanish, or be forgotten once it has vanished (ms, the workspace's time). `vanished_at`:
    when its end was published (ms, the system's time).
    """

    kept_until: int = 0
    vanished_at: int | None = None

    def unite(self, other: Self, moment: Moment) -> None:
        self.kept_until = max(self.kept_until, other.kept_until)
        if other.vanished_at is not None:
            self.vanished_at = max(other.vanished_at, self.vanished_at or 0)

    def retire(self, moment: Moment) -> None:
        """Drop both: they are of this profile id alone."""
        self.kept_until, self.vanished_at = 0, None
