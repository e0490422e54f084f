"""Which changes of memberships a destination is sent, and with which traits. Pure; encoding them is `outputs`'."""

from collections import Counter
from collections.abc import Sequence

from definitions.destinations import Destination
from schemas.records import SegmentChange


def sent_to(destination: Destination, changes: Sequence[SegmentChange]) -> tuple[list[SegmentChange], Counter[str]]:
    """Return which of a profile's changes in one batch a destination is sent, and why how many others are not.

    `changes`: in order, of the segments that name the destination. An exit is never too late: a list there would keep
    whoever it had been sent before. Where there is a receiver, everything is sent: what becomes of it is then known.
    """
    coalesced = _coalesced(changes) if destination.coalesces and destination.receiver is None else list(changes)
    sent = [change for change in coalesced if change.change == "exited" or not _is_withheld(destination, change)]
    withheld = Counter(coalesced=len(changes) - len(coalesced), too_late=len(coalesced) - len(sent))
    return sent, +withheld


def _coalesced(changes: Sequence[SegmentChange]) -> list[SegmentChange]:
    """Return the last change of each segment, none where it leads back to what was before the first one.

    Entries and exits alternate, so a change goes back there if its direction is not that of the first.
    """
    first: dict[str, SegmentChange] = {}
    last: dict[str, SegmentChange] = {}
    for change in changes:
        first.setdefault(change.segment, change)
        last[change.segment] = change
    return [
        change for change in changes if change is last[change.segment] and change.change == first[change.segment].change
    ]


def _is_withheld(destination: Destination, change: SegmentChange) -> bool:
    return destination.is_too_late(change.decided_at - change.changed_at)
