"""What a decoded record becomes: the rows of the tables it feeds, each with the version that decides between repeats.

Leaves the columns, and so which fields of a row are read, to `tables`.
"""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

import msgspec

from schemas import topics
from schemas.codec import DecodeError
from schemas.identity import split_profile_key
from schemas.records import DeadLetter, Event, Identifier, Link, Profile, RejectedEvent, SegmentChange, Session, Trigger

_PARTITION_BITS = 10  # settings allow 1,024 partitions
_PROFILE_VERSION_BITS = 32
_HIGHEST_VERSION = 2**64 - 1
_NO_SESSION = SimpleNamespace(session_id=None, started_at=None, last_event_at=None, events=None, entry_url=None)


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a record lies on its topic, and under which key."""

    key: bytes | None
    partition: int
    offset: int


class Row(msgspec.Struct, frozen=True, gc=False):
    """Of all rows of a table with one key the highest version counts, and of equal versions the latest inserted."""

    record: msgspec.Struct
    version: int
    is_deleted: bool = False


class EventRow(Row, frozen=True, gc=False, kw_only=True):
    profile_id: str


class IdentifierRow(Row, frozen=True, gc=False, kw_only=True):
    identifier: Identifier


class ProfileRow(Row, frozen=True, gc=False, kw_only=True):
    session: object


class RejectedRow(Row, frozen=True, gc=False, kw_only=True):
    place: Place


Rows = Iterable[tuple[str, Row]]


def _event(event: Event, place: Place) -> Rows:
    try:
        workspace, profile_id = split_profile_key(place.key)
    except ValueError as error:
        raise DecodeError("invalid", f"key: {error}") from None
    if workspace != event.workspace:
        raise DecodeError("invalid", f"key: of workspace {workspace!r}, the event is of {event.workspace!r}")
    # Of events with one message id the first is folded, so the first counts here: the version falls.
    version = _HIGHEST_VERSION - (place.offset << _PARTITION_BITS | place.partition)
    yield "events", EventRow(event, version, profile_id=profile_id)


def _profile(profile: Profile, _: Place) -> Rows:
    is_merged = profile.merged_into is not None
    yield (
        "profiles",
        ProfileRow(profile, _not_negative(profile.version), is_merged, session=profile.session or _NO_SESSION),
    )
    if is_merged:
        return
    # Versions of two profiles do not compare, decisions of a workspace do: the later decision owns the identifier.
    version = _not_negative(profile.decision) << _PROFILE_VERSION_BITS | _not_negative(profile.version)
    for identifier in profile.identifiers:
        yield "identifiers", IdentifierRow(profile, version, identifier=identifier)


def _session(session: Session, _: Place) -> Rows:
    yield "sessions", Row(session, _not_negative(session.version), session.status == "retracted")


def _segment_change(change: SegmentChange, _: Place) -> Rows:
    version = _not_negative(change.version)
    yield "segment_changes", Row(change, version)
    yield "segment_members", Row(change, version, change.change == "exited")


def _trigger(trigger: Trigger, _: Place) -> Rows:
    yield "triggers", Row(trigger, _not_negative(trigger.version))


def _rejected(rejected: RejectedEvent, place: Place) -> Rows:
    yield "rejected_events", RejectedRow(rejected, 1, place=place)


def _dead_letter(letter: DeadLetter, _: Place) -> Rows:
    yield "dead_letters", Row(letter, 1)


def _link(link: Link, _: Place) -> Rows:
    yield "links", Row(link, _not_negative(link.decision))


def _not_negative(version: int) -> int:
    return max(version, 0)


ROWS: dict[str, Callable[..., Rows]] = {
    topics.EVENTS_RESOLVED: _event,
    topics.PROFILES: _profile,
    topics.SESSIONS: _session,
    topics.SEGMENTS: _segment_change,
    topics.TRIGGERS: _trigger,
    topics.EVENTS_REJECTED: _rejected,
    topics.EVENTS_DEAD: _dead_letter,
    topics.IDENTITY_LINKS: _link,
}
"""For each topic of the sink, the function from a record and its place to rows."""
