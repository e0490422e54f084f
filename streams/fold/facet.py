"""The contract of a facet, one aspect of a profile; which there are is said in `state`, when they are called in `fold`.

The reasons, and what can go wrong: docs/decisions/0014.
"""

from collections.abc import Collection
from typing import Self

import msgspec

from definitions import NEVER
from schemas.records import Event, Profile
from streams.fold.moment import FoldContext, Moment

NOTHING: tuple[str, ...] = ()


class Facet(msgspec.Struct, array_like=True, gc=False):
    """What a profile remembers of one aspect, and all that changes it.

    A facet knows no other facet, store, topic or clock. It is bounded, whatever it is given. It publishes
    through the moment. It defines the operations in which it does something: the others are never called.
    """

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Take in one event; return the names of what changed and conditions may read.

        Called once for each message id, with `occurred_at` <= `moment.as_of`, in any order of time.
        """
        return NOTHING

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over what another profile's facet knows, and leave that as it is.

        Commutative and associative; the empty facet is the identity. Uniting with the facet of one event alone is
        adding that event. `moment.before` is the own time before the merge, `moment.as_of` the greater one of both.
        """

    def deadline(self, as_of: int) -> int:
        """Return when it changes next without an event, always after `as_of` (ms), or NEVER."""
        return NEVER

    def advance(self, moment: Moment) -> None:
        """Do what is due at `moment.as_of`. Called at every deadline of the profile, in the order of time."""

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        """Set its fields of the record; no other facet sets them."""

    def forget(self, moment: Moment) -> None:
        """Drop what no event, deadline or definition can ask for any more. May be called at any time, or never."""

    def retire(self, moment: Moment) -> None:
        """Publish the end of what others know of it, and keep only what another profile can take over.

        Called before the profile is merged into another one.
        """

    def outlast(self) -> Self:
        """Return what is still known of it while the events of the profile are replayed, and afterwards.

        Called when a rebuild begins; a facet that follows from events alone begins empty.
        """
        return type(self)()
