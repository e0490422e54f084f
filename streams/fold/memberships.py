"""Memberships: the segments that a profile is in; whether it is in one is for the fold to evaluate (`segments`)."""

from collections.abc import Collection
from itertools import starmap
from typing import Literal, Self

from definitions import NEVER, Evaluation
from schemas.records import Membership, Profile
from streams.fold.facet import Facet
from streams.fold.moment import FoldContext, MembershipDraft, Moment


class Memberships(Facet):
    """What was published of the profile, and until when it holds.

    `entered_at`: by segment. `untils`: by segment, when its evaluation may change without an event; absent: never.
    `definitions`: the fingerprint of the program from which both follow.
    """

    entered_at: dict[str, int] = {}
    untils: dict[str, int] = {}
    definitions: str = ""

    def decide(self, segment: str, evaluation: Evaluation, moment: Moment) -> None:
        """Enter or leave a segment by a evaluation as of the moment's time."""
        if evaluation.until < NEVER:
            self.untils[segment] = evaluation.until
        else:
            self.untils.pop(segment, None)
        if evaluation.holds and segment not in self.entered_at:
            self.entered_at[segment] = moment.as_of
            _draft(segment, "entered", moment.as_of, moment)
        elif not evaluation.holds and segment in self.entered_at:
            self.leave([segment], moment)

    def leave(self, segments: Collection[str], moment: Moment) -> None:
        """Leave segments that the profile is in."""
        for segment in segments:
            del self.entered_at[segment]
            _draft(segment, "exited", moment.as_of, moment)

    def leave_all(self, moment: Moment) -> None:
        """Leave all segments until the next evaluation."""
        self.leave(sorted(self.entered_at), moment)
        self.untils.clear()

    def publish_difference(self, published: dict[str, int], moment: Moment) -> None:
        """Publish what is different from what was published; who stays in a segment has been in it since then."""
        for segment in sorted(published.keys() - self.entered_at.keys()):
            _draft(segment, "exited", moment.as_of, moment)
        for segment in sorted(self.entered_at.keys() - published.keys()):
            _draft(segment, "entered", self.entered_at[segment], moment)
        self.entered_at |= {segment: since for segment, since in published.items() if segment in self.entered_at}

    def unite(self, other: Self, moment: Moment) -> None:
        for segment, entered_at in other.entered_at.items():
            self.entered_at[segment] = min(entered_at, self.entered_at.get(segment, entered_at))
        for segment, until in other.untils.items():
            self.untils[segment] = min(until, self.untils.get(segment, until))
        self.definitions = max(self.definitions, other.definitions)

    def deadline(self, as_of: int) -> int:
        return min(self.untils.values()) if self.untils else NEVER

    def is_due(self, segment: str, as_of: int) -> bool:
        """Whether a evaluation has to be evaluated anew."""
        return self.untils.get(segment, NEVER) <= as_of

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        if self.entered_at:
            record.segments = tuple(starmap(Membership, sorted(self.entered_at.items())))

    def forget(self, moment: Moment) -> None:
        """Leave the segments that are no longer defined."""
        defined = {segment.name for segment in moment.context.program.segments}
        self.leave(sorted(self.entered_at.keys() - defined), moment)
        for segment in self.untils.keys() - defined:
            del self.untils[segment]

    def retire(self, moment: Moment) -> None:
        """Leave all segments: whoever takes the profile over enters its own."""
        self.leave_all(moment)
        self.definitions = ""


def _draft(segment: str, change: Literal["entered", "exited"], changed_at: int, moment: Moment) -> None:
    moment.memberships.append(MembershipDraft(segment, change, changed_at, moment.cause))
