"""Lineage: what orders the records and decisions of a profile; the decisions themselves are GRAPH's."""

from typing import Self

from schemas.records import Profile
from streams.fold.facet import Facet
from streams.fold.moment import FoldContext, Moment


class Lineage(Facet):
    """Three numbers that only grow.

    `version`: of the last record that was published. `decision`: GRAPH's last one that this profile has obeyed.
    `rebuilt`: the last one by which the events of this profile id were replayed.
    """

    version: int = 0
    decision: int = 0
    rebuilt: int = 0

    def unite(self, other: Self, moment: Moment) -> None:
        self.version = max(self.version, other.version)
        self.decision = max(self.decision, other.decision)
        self.rebuilt = max(self.rebuilt, other.rebuilt)

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        record.version = self.version
        record.decision = self.decision

    def retire(self, moment: Moment) -> None:
        """Drop the last rebuild: of a state that another profile takes over it says nothing (docs/decisions/0009)."""
        self.rebuilt = 0

    def outlast(self) -> Self:
        """Keep the version, from which records go on; the decision is that of the rebuild."""
        return type(self)(self.version)
