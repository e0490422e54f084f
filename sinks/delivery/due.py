"""Finds the lines of a destination that are due: those of the store, then those of the round. Over a view."""

from collections import deque
from collections.abc import Collection, Iterable

from sinks.delivery import consents, lines
from sinks.delivery.choosing import Choice
from sinks.delivery.served import Served
from state.view import StateView

READ_BYTES = 8_000_000
"""Of what waits in the lines of a destination in one round; the rest is read in the next one."""


def due_lines(
    served: Served, touched: Iterable[bytes], under_way: Collection[bytes], limit: int, choice: Choice
) -> tuple[deque[bytes], bool]:
    """Return the lines that are due, and whether the store may have more: than `limit`, or than is read in a round.

    What choosing needs of them is read with few calls.
    """
    stored = choice.view.due(served.kept_as, choice.now, limit + len(under_way))
    free = dict.fromkeys(line for line in (*stored, *touched) if line not in under_way)
    choice.view.prefetch(free)
    due = [line for line in free if _is_due(choice.view, line, choice.now)]
    read = lines.prefetch(choice.view, due, READ_BYTES)
    is_cut = len(stored) >= limit or read < len(due)
    due = due[:read]
    if served.definition.consent_purpose:
        consents.prefetch(choice.view, map(lines.record_key, due))
    return deque(due), is_cut


def hasten(view: StateView, key: bytes, attempted_until: int, now: int) -> bool:
    """Look at a line that waits now, unless it was attempted since a time (ms); return whether it is due by that."""
    line = lines.read(view, key)
    if line.due_at is None or line.due_at <= now or line.attempted_at > attempted_until:
        return False
    lines.postpone(view, key, now)
    return True


def _is_due(view: StateView, line: bytes, now: int) -> bool:
    due_at = lines.read(view, line).due_at
    return due_at is not None and due_at <= now
