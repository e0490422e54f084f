"""How long rows are kept, by what people call the tables; which table and column that is, `warehouse.tables` says."""

from collections.abc import Iterator

import msgspec

from settings.bounds import Period

FOREVER = "forever"

UNSAID = {"deliveries": "90d"}
"""How long rows are kept of which nobody says it: what was sent to receivers is about persons, in their words."""


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long rows are kept: days such as `400d`, or `forever`; None says nothing.

    Without a word all is kept, but deliveries for 90 days.
    """

    events: Period | None = None
    hourly_events: Period | None = None
    rejected_events: Period | None = None
    dead_letters: Period | None = None
    sessions: Period | None = None
    segment_changes: Period | None = None
    triggers: Period | None = None
    deliveries: Period | None = None

    def over(self, other: "Retention") -> "Retention":
        """Return what this one says, and where it says nothing what the other one does."""
        return Retention(**{name: getattr(self, name) or getattr(other, name) for name in self.__struct_fields__})

    def days(self) -> Iterator[tuple[str, int]]:
        """Yield what is not kept for ever, with the days after which it goes."""
        for name in self.__struct_fields__:
            period = getattr(self, name) or UNSAID.get(name)
            if period not in {None, FOREVER}:
                yield name, int(period.removesuffix("d"))


RETENTION_HINT = (
    f"how long rows are kept is said in days such as 400d, or {FOREVER}, of: {', '.join(Retention.__struct_fields__)}"
)
