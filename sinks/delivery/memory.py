"""What a line remembers of segments, also while nothing waits in it."""

from enum import IntEnum

import msgspec


class Held(IntEnum):
    """Whether a receiver holds somebody in a segment, by what has begun and what was answered."""

    NO = 0
    ATTEMPTED = 1
    """Of somebody whom it does not hold, an entry is attempted for the first time: refused, it is NO again."""
    MAYBE = 2
    """An entry was delivered, or may have arrived, and no exit was delivered since."""


class SegmentState(msgspec.Struct, array_like=True):
    """What a line remembers of one segment.

    `version`, `happened_at`: of the newest change that was admitted. `waiting`: where states are held, the newest one's
    number, while it has not begun. `held`: whether the receiver holds the person. `was_sent`: whether an entry of this
    membership was begun, also if an exit that ends no membership has followed; or whether the receiver had the person
    by another profile, of which an exit has taken it out.
    """

    version: int
    happened_at: int
    waiting: int | None = None
    held: Held = Held.NO
    was_sent: bool = False
