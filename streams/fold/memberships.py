"""Memberships: the segments that a profile is in; whether it is in one is for the fold to evaluate (`evaluation`)."""

from collections.abc import Collection
from typing import Literal, Self

from schemas.records import Membership, Profile
from streams.fold.facet import Facet
from streams.fold.moment import FoldContext, MembershipChange, Moment


class Memberships(Facet):
    """What was published of the profile: when it entered each segment that it is in."""

    entered_at: dict[str, int] = {}

    def change(self, segment: str, enters: bool, moment: Moment) -> None:
        """Enter a segment that the profile is not in, or leave one that it is in, as of the moment's time."""
        if enters:
            self.entered_at[segment] = moment.as_of
            _draft(segment, "entered", moment.as_of, moment)
        else:
            self.leave([segment], moment)

    def leave(self, segments: Collection[str], moment: Moment) -> None:
        """Leave segments that the profile is in, nobody before the entry.

        After an unmerge the profile may be in a segment since an event that the other one has now.
        """
        for segment in segments:
            entered_at = self.entered_at.pop(segment)
            _draft(segment, "exited", max(moment.as_of, entered_at), moment)

    def leave_all(self, moment: Moment) -> None:
        """Leave all segments until the next evaluation."""
        self.leave(sorted(self.entered_at), moment)

    def publish_difference(self, published: dict[str, int], moment: Moment) -> None:
        """Publish what is different from what was published; who stays in a segment has been in it since then.

        Nobody leaves before the entry: the profile that entered may have had later events than the one that leaves.
        """
        for segment in sorted(published.keys() - self.entered_at.keys()):
            _draft(segment, "exited", max(moment.as_of, published[segment]), moment)
        for segment in sorted(self.entered_at.keys() - published.keys()):
            _draft(segment, "entered", self.entered_at[segment], moment)
        self.entered_at |= {segment: since for segment, since in published.items() if segment in self.entered_at}

    def unite(self, other: Self, moment: Moment) -> None:
        for segment, entered_at in other.entered_at.items():
            self.entered_at[segment] = min(entered_at, self.entered_at.get(segment, entered_at))

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        if self.entered_at:
            record.segments = tuple(
                [Membership(segment, self.entered_at[segment]) for segment in sorted(self.entered_at)]
            )

    def forget(self, moment: Moment) -> None:
        """Leave the segments that are no longer defined."""
        self.leave(sorted(self.entered_at.keys() - moment.context.program.segment_names), moment)

    def retire(self, moment: Moment) -> None:
        """Leave all segments: whoever takes the profile over enters its own."""
        self.leave_all(moment)

    def outlast(self) -> Self:
        """Keep what was published, to publish what is different in the end."""
        return self


def _draft(segment: str, change: Literal["entered", "exited"], changed_at: int, moment: Moment) -> None:
    moment.memberships.append(MembershipChange(segment, change, changed_at, moment.cause))
