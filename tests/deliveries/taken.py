"""What every delivery of these tests says of itself, at whatever receiver: its key, and the change that it is about."""

from tests.deliveries.soundness import Taken

SAID = "{{ key }} {{ profile.id }} {{ name }} {{ change }} {{ version }} {{ happened_at }}"
"""The template that each mapping has."""

REFUSED_BELOW = "05"
"""Of what is refused: the first two hexadecimal digits are less, as are those of two in a hundred."""


def taken_of(said: str) -> Taken:
    """Return what a delivery has said."""
    key, profile_id, segment, change, version, happened_at = said.split(" ")
    return Taken(key, profile_id, segment, change, int(version), happened_at)


def key_of(said: str) -> str:
    """Return the key of the delivery that has said it."""
    return said.partition(" ")[0]


def is_refused(digest: str) -> bool:
    """Return whether receivers refuse what has this key, or whoever has this hash, until they have mercy."""
    return digest[:2] < REFUSED_BELOW
