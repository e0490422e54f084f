"""What is changed in an event that cannot be kept as it was sent, and why; docs/guide/sending.md lists the reasons."""

from collections.abc import Iterable
from itertools import islice
from typing import Literal, TypeAlias

from schemas.records import Repair

RepairReason: TypeAlias = Literal[
    "broken_character",
    "control_character",
    "empty_list",
    "empty_text",
    "invalid_number",
    "repeated_key",
    "time_in_seconds",
    "too_deep",
    "too_long",
    "trailing_comma",
    "unreadable_time",
    "wrong_type",
]

MAX_REPAIRS = 16  # named in one event; what is odd beyond them is repaired all the same
MAX_PATH_LENGTH = 200


class Repairs:
    """The repairs of one event while it is read, each field and reason once."""

    def __init__(self, *shared: Repair) -> None:
        """Begin with repairs that the events of a batch share."""
        self._repairs = dict.fromkeys(shared[:MAX_REPAIRS])

    @property
    def is_full(self) -> bool:
        """Whether no more are named: then nobody needs to make their paths."""
        return len(self._repairs) >= MAX_REPAIRS

    def add(self, field: str, reason: RepairReason) -> None:
        """Name a repair at the path of a field."""
        if not self.is_full:
            path = field[:MAX_PATH_LENGTH].encode(errors="replace").decode()  # a key may hold half a surrogate pair
            self._repairs[Repair(path, reason)] = None

    def extend(self, repairs: Iterable[Repair]) -> None:
        """Name repairs that somebody else has made."""
        self._repairs |= dict.fromkeys(islice(repairs, MAX_REPAIRS - len(self._repairs)))

    def listed(self) -> tuple[Repair, ...]:
        """Return them in the order in which they were made."""
        return tuple(self._repairs)
