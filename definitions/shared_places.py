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
from definitions.receivers.kafka import Kafka
from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.salesforce import Salesforce
from definitions.receivers.sql import Sql
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook

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
        (segment.name, each, place)
        for each in of.destinations
        for segment in of.segments
        if each.name in segment.destinations and "exited" in each.changes
        if (place := place_of(each, segment.name)) is not None
    ]
    segments: dict[Place, dict[str, None]] = {}
    for segment, _, place in sent:
        segments.setdefault(place, {})[segment] = None
    for segment, destination, place in sent:
        others = tuple(name for name in segments[place] if name != segment)
        if others:
            yield SharedPlace(segment, destination.name, others, *_shared(destination))


def place_of(destination: Destination, segment: str) -> Place | None:
    """Return where a destination's receiver keeps who is in a segment, if it keeps anybody; None where it does not."""
    match receiver := destination.receiver:
        case Sql() if destination.holds == "states":
            is_own = receiver.mode != "mirror" or _has_name(destination, receiver)
            table = (_without_user(receiver.url), receiver.schema, receiver.table)
            return (*table, *receiver.key, *((segment,) if is_own else ()))
        case MetaAudience() | GoogleDataManager():
            account = receiver.account if isinstance(receiver, GoogleDataManager) else ""
            return receiver.url, account, receiver.audiences.get(segment) or receiver.audience
        case HubSpot():
            where = (receiver.url, _name_of(receiver.token), receiver.id_property)
            return *where, _property(destination, receiver.property, segment)
        case Salesforce():
            where = (receiver.url, receiver.object, receiver.external_id)
            return *where, _property(destination, receiver.field, segment)
        case Webhook() | Kafka():
            return *_address(receiver), segment
    return None


def _address(receiver: Webhook | Kafka) -> Place:
    if isinstance(receiver, Kafka):
        return receiver.servers, receiver.topic
    return (receiver.url if isinstance(receiver.url, str) else _name_of(receiver.url),)


def _without_user(url: str) -> str:
    """Return the address of a database, which is the same for all of its users."""
    scheme, mark, rest = url.partition("://")
    server, slash, database = rest.partition("/")
    return f"{scheme}{mark}{server.rpartition('@')[2]}{slash}{database}"


def _name_of(secret: Secret) -> str:
    return secret.env or secret.file


def _shared(destination: Destination) -> tuple[str, str]:
    """Return what segments share at a destination, and what gives each a place of its own."""
    match destination.receiver:
        case Sql(table=table):
            return f"the rows of {table}", "add a column with `@name` to `key`"
        case HubSpot(property=name) | Salesforce(field=name):
            key = "property" if isinstance(destination.receiver, HubSpot) else "field"
            return f"the {key} of `{name}`", _OF_NAMES.format(key)
        case _:
            return "an audience", _OF_AUDIENCES


def _property(destination: Destination, pattern: str, segment: str) -> str:
    """Return the property of a segment; the segment's own name where the mapping may call it otherwise."""
    is_named = dict(destination.mapping.entries).get("segment") == _NAME
    return name_of_segment(pattern, segment) if is_named else segment


def _has_name(destination: Destination, table: Sql) -> bool:
    """Return whether the key of a row has the segment's name; a template, or a constant with conditions, may have."""
    columns = dict(destination.mapping.entries)
    leaves = [leaf for name in table.key if name in columns for leaf in leaves_of(columns[name])]
    return any(not isinstance(leaf, Selected) or leaf == _NAME for leaf in leaves)
