"""Which segments are one where states are held: who leaves one is taken out there, and may be in another. Pure.

Such are segments that are sent to one audience, to one row of a table, or to one property.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from definitions.destinations import Destination
from definitions.mapping import Selected, leaves_of
from definitions.model import Definitions
from definitions.receivers.audiences import name_of_segment
from definitions.receivers.google_data_manager import GoogleDataManager
from definitions.receivers.hubspot import HubSpot
from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.salesforce import Salesforce
from definitions.receivers.sql import Sql

_NAME = Selected(("name",))
_OF_AUDIENCES = "give it its own in `audiences`, or send one segment that is `any` of them"
_OF_NAMES = "name them apart by ASCII letters or digits, or write a destination for each with a `{}` of its own"

Place: TypeAlias = tuple[str, ...]
"""What tells a place from all others, of whichever destination."""


class SharedPlace(NamedTuple):
    """A segment that is one with others at a destination. `what`: the place; `remedy`: what to write."""

    segment: str
    destination: str
    others: tuple[str, ...]
    what: str
    remedy: str

    @property
    def advice(self) -> str:
        """What comes of it, and what to do."""
        others = " and ".join(self.others)
        return (
            f"it shares {self.what} with {others} at {self.destination}: who leaves one is taken out there, though in "
            f"another: {self.remedy}"
        )


def sharing_segments(of: Definitions) -> Iterator[SharedPlace]:
    """Yield the segments of which another one takes people out."""
    sent = [
        (segment.name, each.name, place)
        for each in of.destinations
        for segment in of.segments
        if each.name in segment.destinations and "exited" in each.changes
        if (place := _place(each, segment.name)) is not None
    ]
    segments: dict[Place, dict[str, None]] = {}
    for segment, _, (place, *_) in sent:
        segments.setdefault(place, {})[segment] = None
    for segment, destination, (place, what, remedy) in sent:
        others = tuple(name for name in segments[place] if name != segment)
        if others:
            yield SharedPlace(segment, destination, others, what, remedy)


def _place(destination: Destination, segment: str) -> tuple[Place, str, str] | None:
    """Return where a segment is held, what that is, and what gives it a place of its own; None: it surely has one."""
    match receiver := destination.receiver:
        case Sql(mode="mirror") if not _has_name(destination, receiver):
            where = (receiver.url, receiver.schema, receiver.table)
            return where, f"the rows of {receiver.table}", "add a column with `@name` to `key`"
        case MetaAudience() | GoogleDataManager():
            account = receiver.account if isinstance(receiver, GoogleDataManager) else ""
            audience = receiver.audiences.get(segment) or receiver.audience
            return (receiver.url, account, audience), f"the audience {audience}", _OF_AUDIENCES
        case HubSpot() if _is_named(destination):
            name = name_of_segment(receiver.property, segment)
            where = (receiver.url, receiver.token.env or receiver.token.file, name)
            return where, f"the property {name}", _OF_NAMES.format("property")
        case Salesforce() if _is_named(destination):
            name = name_of_segment(receiver.field, segment)
            return (receiver.url, receiver.object, name), f"the field {name}", _OF_NAMES.format("field")
    return None


def _has_name(destination: Destination, table: Sql) -> bool:
    """Return whether the key of a row has the segment's name; a template, or a constant with conditions, may have."""
    columns = dict(destination.mapping.entries)
    leaves = [leaf for name in table.key if name in columns for leaf in leaves_of(columns[name])]
    return any(not isinstance(leaf, Selected) or leaf == _NAME for leaf in leaves)


def _is_named(destination: Destination) -> bool:
    """Return whether a property has its segment's name: the mapping may call it otherwise."""
    return dict(destination.mapping.entries).get("segment") == _NAME
