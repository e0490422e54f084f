"""What an event's ordinal is made of (docs/decisions/0018-the-order-of-events.md).

Leaves to collector, importer and RESOLVE which sequence they count.
"""

SEQUENCE_BITS = 53
MAX_SEQUENCE = 2**SEQUENCE_BITS - 1


def pack_ordinal(microsecond: int, sequence: int) -> int:
    """Return the ordinal of an event, which orders those of one millisecond: the greater is the later.

    `microsecond`: 0 to 999, within the millisecond. `sequence`: from 1 on, to MAX_SEQUENCE; decides where it is equal.
    """
    return microsecond << SEQUENCE_BITS | sequence


def microsecond_of(ordinal: int) -> int:
    """Return the microsecond within the event's millisecond."""
    return ordinal >> SEQUENCE_BITS
