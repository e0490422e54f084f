"""What conditions and traits are evaluated over, and what an evaluation says; how a profile knows it is the fold's."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeAlias

from definitions.model import SessionName
from definitions.streaming.states import AnyState
from schemas.consent import Answer

# Later than any time in ms, and small enough that adding a window to it still fits 64 bits.
NEVER = 2**62

SESSION = "session"
"""The name under which the sessions of a profile are read."""


Evaluation: TypeAlias = tuple[bool, int]
"""Whether a condition holds, and the earliest time, after now, at which that may change without an event.

A plain tuple, as `Value` is: to make one of a class takes as long as half of the evaluations.
"""

Value: TypeAlias = tuple[object, int]
"""The value of a trait (None: not set), and the earliest time, after now, at which it may change by itself."""


class SessionBounds(NamedTuple):
    """When a session began, and when it ends unless another event comes."""

    started_at: int
    ends_at: int


class Subject(Protocol):
    """A profile as of a time that no event of it is later than."""

    @property
    def profile_id(self) -> str: ...

    def state(self, key: str) -> AnyState | None:
        """Return what an accumulator has of the profile's events; None if it has seen none."""

    def trait(self, name: str) -> object:
        """Return the value of a trait; None where it is not set. A defined one comes before one that was sent."""

    def mined(self, name: str) -> object:
        """Return the value that the query of a mined trait has found; None if it has found none."""

    def is_member(self, segment: str) -> bool:
        """Return whether the profile is in a segment."""

    def session(self, now: int) -> SessionBounds | None:
        """Return the session that `now` lies in."""

    def fact(self, session: SessionName, fact: str, now: int) -> str | None:
        """Return a fact of a session; None where there is none."""

    def says(self, purpose: str, channel: str, answer: Answer) -> bool:
        """Return whether this is what the profile has said for a purpose on a channel (empty: on every one)."""


def grouped(evaluations: Iterable[Evaluation], decided_by: bool) -> Evaluation:
    """Unite evaluations: `any` is decided by a condition that holds, `all` by one that fails.

    A decided group stays so for as long as the most lasting of the deciding ones, an open one until the first change
    of a condition. Looking for the most lasting one saves deadlines that change nothing.
    """
    decided_until, open_until = -NEVER, NEVER
    for holds, until in evaluations:
        if holds is decided_by:
            if until == NEVER:
                return decided_by, NEVER
            decided_until = max(decided_until, until)
        elif until < open_until:
            open_until = until
    if decided_until > -NEVER:
        return decided_by, decided_until
    return not decided_by, open_until
