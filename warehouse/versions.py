"""Which row of an event counts: the bands of `raw_events.version`, and what orders rows within each. Pure.

From 0: as it was routed; falls with the position, so that of an event that was received twice the first row counts.
From SQUASHED: as its override was squashed into it; rises with the decision, so that neither the routed row, read once
more, nor an earlier squash comes back. From REPEATED: what its profile says of it; rises as all that profiles publish.
"""

SQUASHED = 2**62
REPEATED = 2**63
PARTITION_BITS = 10  # settings allow 1,024 partitions
PROFILE_VERSION_BITS = 32
MOST_DECISIONS = 2**31


def routed(partition: int, offset: int) -> int:
    """Return the version of an event as it was routed, by its position on `events.resolved`."""
    return SQUASHED - 1 - (offset << PARTITION_BITS | partition)


def claimed(decision: int, profile_version: int) -> int:
    """Return the version of a profile's claim of an identifier: the later decision has it.

    Versions of two profiles do not compare, decisions of a workspace do.
    """
    return decision << PROFILE_VERSION_BITS | profile_version


def repeated(decision: int, profile_version: int) -> int:
    """Return the version of what a profile says of an event that it has more than once."""
    return REPEATED | claimed(decision, profile_version)
