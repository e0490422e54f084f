"""Makes rows of decoded records for the tables they feed, each with the version that decides between repeats.

Of all rows of a table with one key the highest version counts, and of equal versions the latest inserted. Leaves the
columns, and so which fields of a record are read, to `tables`.
"""

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from confluent_kafka import Message

from schemas import topics
from schemas.codec import DecodeError
from schemas.identity import PROFILE_ID_LENGTH, kind_of, split_profile_key
from schemas.records import (
    ConsentChange,
    ConsentEntry,
    DeadLetter,
    DeliveryAttempt,
    Event,
    FiredTrigger,
    Identifier,
    IdentityChange,
    Link,
    Profile,
    RejectedEvent,
    Repetition,
    SegmentChange,
    Session,
    SessionFacts,
)
from warehouse import versions
from warehouse.table import Rows

_NO_SESSION = SimpleNamespace(session_id=None, started_at=None, last_event_at=None, events=None, entry_url=None)

_NO_FACTS = SessionFacts()

Records = Sequence[Any]
Messages = Sequence[Message]


def check_event(event: Event, key: bytes | None) -> None:
    """Raise DecodeError unless an event of events.resolved lies under a profile of its own workspace."""
    try:
        workspace, _ = split_profile_key(key)
    except ValueError as error:
        raise DecodeError("invalid", f"key: {error}") from None
    if workspace != event.workspace:
        raise DecodeError("invalid", f"key: of workspace {workspace!r}, the event is of {event.workspace!r}")


def check_repetition(repetition: Repetition) -> None:
    """Raise DecodeError unless a profile speaks, in numbers that a version can hold."""
    try:
        kind_of(repetition.profile_id)
    except ValueError as error:
        raise DecodeError("invalid", str(error)) from None
    if not (
        0 <= repetition.decision < versions.MOST_DECISIONS
        and 0 <= repetition.version < 2**versions.PROFILE_VERSION_BITS
    ):
        raise DecodeError(
            "invalid", f"decision {repetition.decision}, version {repetition.version}: beyond all numbers"
        )


def _events(events: Sequence[Event], messages: Messages) -> dict[str, Rows]:
    keys = [message.key() or b"" for message in messages]
    profile_ids = [key.decode()[-PROFILE_ID_LENGTH:] for key in keys]
    bodies = [message.value() for message in messages]
    return {
        "raw_events": {
            "origin": messages,
            "record": events,
            "version": [versions.routed(message.partition() or 0, message.offset() or 0) for message in messages],
            "profile_id": profile_ids,
            "profile_kind": list(map(kind_of, profile_ids)),
            "body": bodies,
            "is_repetition": [False] * len(events),
        }
    }


class RepeatedEvent(NamedTuple):
    """Whether an event is a repetition, and the event."""

    repetition: Repetition
    event: Event


def _repetitions(repeated: Sequence[RepeatedEvent], messages: Messages) -> dict[str, Rows]:
    said = [each.repetition for each in repeated]
    profile_ids = [repetition.profile_id for repetition in said]
    return {
        "raw_events": {
            "origin": messages,
            "record": [each.event for each in repeated],
            "version": [versions.repeated(each.decision, each.version) for each in said],
            "profile_id": profile_ids,
            "profile_kind": list(map(kind_of, profile_ids)),
            "body": [repetition.event for repetition in said],
            "is_repetition": [repetition.is_repeated for repetition in said],
        }
    }


def _profiles(profiles: Sequence[Profile], messages: Messages) -> dict[str, Rows]:
    claims = [
        claim
        for profile, message in zip(profiles, messages, strict=True)
        if profile.merged_into is None
        for claim in _claims(profile, message)
    ]
    return {
        "profiles": {
            **_rows(profiles, messages, [profile.version for profile in profiles]),
            "is_deleted": [profile.merged_into is not None or profile.deleted for profile in profiles],
            "session": [profile.session or _NO_SESSION for profile in profiles],
        },
        "identifiers": _in_lists(claims, _Claim._fields),
        # Events of identifiers that GRAPH has never decided about are those of the profile that they were routed to.
        "profile_overrides": _in_lists([claim for claim in claims if claim.record.decision > 0], _Claim._fields),
    }


class _Claim(NamedTuple):
    """A profile's claim of one of its identifiers. Attributes are the lists of `Rows`."""

    origin: Message
    record: Profile
    version: int
    identifier: Identifier
    is_deleted: bool


def _claims(profile: Profile, message: Message) -> Iterator[_Claim]:
    """Yield a claim for each identifier."""
    version = versions.claimed(_at_least_0(profile.decision), _at_least_0(profile.version))
    for identifier in profile.identifiers:
        yield _Claim(message, profile, version, identifier, profile.deleted)


def _sessions(sessions: Sequence[Session], messages: Messages) -> dict[str, Rows]:
    is_deleted = [session.status == "retracted" for session in sessions]
    rows = _rows(sessions, messages, [session.version for session in sessions])
    facts = [session.facts or _NO_FACTS for session in sessions]
    return {"sessions": {**rows, "is_deleted": is_deleted, "facts": facts}}


def _segment_changes(changes: Sequence[SegmentChange], messages: Messages) -> dict[str, Rows]:
    rows = _rows(changes, messages, [change.version for change in changes])
    is_deleted = [change.change == "exited" for change in changes]
    return {"segment_changes": rows, "segment_members": {**rows, "is_deleted": is_deleted}}


def _triggers(triggers: Sequence[FiredTrigger], messages: Messages) -> dict[str, Rows]:
    return {"triggers": _rows(triggers, messages, [trigger.version for trigger in triggers])}


def _deliveries(attempts: Sequence[DeliveryAttempt], messages: Messages) -> dict[str, Rows]:
    return {"deliveries": _rows(attempts, messages, [attempt.version for attempt in attempts])}


class _Consent(NamedTuple):
    """What counts for a purpose and a channel. Attributes are the lists of `Rows`."""

    origin: Message
    record: ConsentChange
    version: int
    entry: ConsentEntry


def _consents(changes: Sequence[ConsentChange], messages: Messages) -> dict[str, Rows]:
    """Return the rows of what has changed; what is written under the ids of merged profiles repeats it."""
    entries = [
        _Consent(message, change, versions.claimed(_at_least_0(change.decision), _at_least_0(change.version)), entry)
        for change, message in zip(changes, messages, strict=True)
        if change.profile_id == change.current_id
        for entry in change.changed
    ]
    return {"consents": _in_lists(entries, _Consent._fields)}


def _rejected_events(rejected: Sequence[RejectedEvent], messages: Messages) -> dict[str, Rows]:
    return {"rejected_events": {**_rows(rejected, messages, [1] * len(rejected)), **_positions(messages)}}


def _dead_letters(letters: Sequence[DeadLetter], messages: Messages) -> dict[str, Rows]:
    return {"dead_letters": _rows(letters, messages, [1] * len(letters))}


def _links(links: Sequence[Link], messages: Messages) -> dict[str, Rows]:
    rows = _rows(links, messages, [link.decision for link in links])
    return {"links": rows, "link_log": rows}


def _identity_changes(changes: Sequence[IdentityChange], messages: Messages) -> dict[str, Rows]:
    rows = {**_rows(changes, messages, [1] * len(changes)), **_positions(messages)}
    sign_ins = [
        sign_in for change, message in zip(changes, messages, strict=True) for sign_in in _sign_ins(change, message)
    ]
    return {"identity_changes": rows, "device_sign_ins": _in_lists(sign_ins, _SignIn._fields)}


class _SignIn(NamedTuple):
    """A sign-in by which a person becomes a shared device's owner, or does so no more. Attributes as in `_Claim`."""

    origin: Message
    record: IdentityChange
    version: int
    device: Identifier
    person: Identifier
    signed_in_at: int
    is_deleted: bool


def _sign_ins(change: IdentityChange, message: Message) -> Iterator[_SignIn]:
    """Yield what a change says of the owners of a shared device: a period with an end is one no more."""
    if change.kind != "attributed" or not change.identifiers:
        return
    device, *persons = change.identifiers
    for person, claimant in zip(persons, change.claimants, strict=False):
        for claim in claimant.claims:
            is_over = claim.until is not None
            yield _SignIn(message, change, _at_least_0(change.decision), device, person, claim.since or 0, is_over)


def _positions(messages: Messages) -> Rows:
    return {
        "partition": [message.partition() for message in messages],
        "offset": [message.offset() for message in messages],
    }


def _rows(records: Records, messages: Messages, row_versions: Sequence[int]) -> Rows:
    return {"origin": messages, "record": records, "version": list(map(_at_least_0, row_versions))}


def _in_lists(rows: Sequence[NamedTuple], names: Sequence[str]) -> Rows:
    """Rows as one list for each name; without rows, no lists."""
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}


def _at_least_0(version: int) -> int:
    return max(version, 0)


ROWS: dict[str, Callable[[Records, Messages], dict[str, Rows]]] = {
    topics.EVENTS_RESOLVED: _events,
    topics.EVENTS_REPEATED: _repetitions,
    topics.PROFILES: _profiles,
    topics.SESSIONS: _sessions,
    topics.SEGMENTS: _segment_changes,
    topics.TRIGGERS: _triggers,
    topics.DELIVERIES: _deliveries,
    topics.CONSENTS: _consents,
    topics.EVENTS_REJECTED: _rejected_events,
    topics.EVENTS_DEAD: _dead_letters,
    topics.IDENTITY_LINKS: _links,
    topics.IDENTITY_CHANGES: _identity_changes,
}
"""For each topic of the sink, the function from records, and the message of each, to the rows of each table."""
