"""Lifetime numbers of events by name, bounded and yet the same in whatever order events arrive.

Kept are the 256 names that come first in the alphabet; a name beyond them, or an over-long one, counts as `other`.
A name that is kept at the end was kept from its first event on, so its number is exact.
"""

from collections.abc import Mapping

MAX_NAMES = 256
MAX_NAME_LENGTH = 128
OTHER = "other"


def count(counters: dict[str, int], name: str, events: int = 1) -> None:
    """Count events of a name."""
    if len(name) > MAX_NAME_LENGTH:
        name = OTHER
    counters[name] = counters.get(name, 0) + events
    if len(counters) > MAX_NAMES + (OTHER in counters):
        last = max(known for known in counters if known != OTHER)
        counters[OTHER] = counters.get(OTHER, 0) + counters.pop(last)


def unite(counters: dict[str, int], other: Mapping[str, int]) -> None:
    """Add the numbers of another profile."""
    for name, events in other.items():
        count(counters, name, events)
