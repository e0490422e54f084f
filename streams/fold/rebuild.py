"""Rebuilding a profile from the replay of its events, and publishing only what is different (docs/decisions/0009).

Pure, as the fold: where records are buffered meanwhile, and what becomes of them afterwards, is the agent's.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from copy import deepcopy

import msgspec

from schemas.records import Event, Rebuild
from streams.fold import facets
from streams.fold.attribution import owner_of
from streams.fold.entry import Entry, Forward, PendingSession, Rebuilding
from streams.fold.fold import advance, fold_event
from streams.fold.identifiers import Identifiers
from streams.fold.lineage import Lineage
from streams.fold.memberships import Memberships
from streams.fold.moment import BEGINNING, REBUILD, FoldContext, KnownPast, Moment, Outputs
from streams.fold.ownership import Ownership
from streams.fold.recent_ids import HASH_BYTES, ID_BYTES, TAG_BYTES, EventId, RecentIds, id_of
from streams.fold.records import publish
from streams.fold.sessions import publish_session
from streams.fold.state import ProfileState

BUFFERED_PER_BLOCK = 8_192
_COMMAND = EventId(bytes(HASH_BYTES), bytes(TAG_BYTES))


def begin(entry: Entry | None, command: Rebuild, now: int, out: Outputs) -> Rebuilding | None:
    """Return the profile as it waits for its replay; None if it has obeyed a later decision, or this one.

    `command`: its `identifiers` are all that belong to it from now on, `owners` those of the device that the profile is
    of, `reattributed` the devices that may have attributed events of others to it. `now` (ms): what has happened before
    fires nothing where nothing else is known. `out` gets what was denied for identifiers that are others' now.
    """
    decision, kept, fired_to = command.decision, ProfileState(), now
    match entry:
        case Forward():
            if decision <= entry.decision:
                return None
            kept.lineage.version = entry.version
        case ProfileState():
            if decision <= entry.lineage.rebuilt:
                return None
            kept = facets.outlast(entry)
            fired_to = now if entry.as_of == BEGINNING else entry.as_of
        case Rebuilding():
            if decision <= entry.decision:
                return None
            kept, fired_to, now = facets.outlast(entry.kept), entry.fired_to, entry.began_at
    kept.lineage = Lineage(kept.lineage.version, decision, rebuilt=decision)
    kept.identifiers = Identifiers([(each.namespace, each.value) for each in command.identifiers])
    kept.ownership = Ownership(
        owners=command.owners,
        decision=decision if command.owners else 0,
        reattributed=kept.ownership.reattributed | {str(device): decision for device in command.reattributed},
    )
    for identifier in command.apart:
        if denials := kept.consent.denials(identifier):
            out.deny(identifier, denials)
    kept.consent.come_apart(command.identifiers, command.apart)
    rebuilding = Rebuilding(kept, fired_to=fired_to, began_at=now)
    if isinstance(entry, Rebuilding):
        rebuilding.buffered, rebuilding.buffered_blocks = entry.buffered, entry.buffered_blocks
    return rebuilding


def published_state(rebuilding: Rebuilding, now: int) -> ProfileState | None:
    """Return what others know of a profile that waits, as of `now` (ms), but for its sessions; None: nothing."""
    kept, lineage = rebuilding.kept, (rebuilding.shadow or rebuilding.kept).lineage
    if not lineage.version:
        return None
    return deepcopy(ProfileState(now, identifiers=kept.identifiers, lineage=lineage, memberships=kept.memberships))


def buffer(rebuilding: Rebuilding, event: Event | None) -> int:
    """Count one more record that waits; return its number. `event`: None for a command."""
    hash_, tag = _COMMAND if event is None else id_of(event)
    rebuilding.buffered += hash_ + tag
    return count_buffered(rebuilding) - 1


def full_blocks(rebuilding: Rebuilding) -> Iterator[tuple[int, bytes]]:
    """Number and ids of every block that has become full, to be kept elsewhere; the entry has them no more."""
    size = BUFFERED_PER_BLOCK * ID_BYTES
    while len(rebuilding.buffered) >= size:
        full, rebuilding.buffered = rebuilding.buffered[:size], rebuilding.buffered[size:]
        rebuilding.buffered_blocks += 1
        yield rebuilding.buffered_blocks - 1, full


def count_buffered(rebuilding: Rebuilding) -> int:
    """Count the records that are buffered."""
    return rebuilding.buffered_blocks * BUFFERED_PER_BLOCK + len(rebuilding.buffered) // ID_BYTES


def replayed_already(rebuilding: Rebuilding, events: Iterable[Event], blocks: Iterable[bytes]) -> list[int]:
    """Return the numbers of what is buffered and was folded with these events; what goes elsewhere must still be sent.

    `blocks`: those that became full.
    """
    shadow = rebuilding.shadow
    if not count_buffered(rebuilding):
        return []
    folded = (event for event in events if shadow is None or owner_of(shadow, event) is None)
    ids = {b"".join(id_of(event)) for event in folded}
    size = ID_BYTES
    return [
        block * BUFFERED_PER_BLOCK + start // size
        for block, packed in enumerate((*blocks, rebuilding.buffered))
        for start in range(0, len(packed), size)
        if packed[start : start + size] in ids
    ]


def came_meanwhile(rebuilding: Rebuilding, events: Iterable[Event], blocks: Iterable[bytes]) -> frozenset[str]:
    """Return the message ids of those of these events that came since the profile waits, and for the first time.

    `blocks`: those that became full.
    """
    if not count_buffered(rebuilding):
        return frozenset()
    recent_ids, ids_of = rebuilding.kept.recent_ids, ((event.message_id, id_of(event)) for event in events)
    messages = {b"".join(each): message_id for message_id, each in ids_of if recent_ids.tag_of(each.hash) is None}
    ids = (
        packed[start : start + ID_BYTES]
        for packed in (*blocks, rebuilding.buffered)
        for start in range(0, len(packed), ID_BYTES)
    )
    return frozenset(messages[each] for each in ids if each in messages)


def begin_attempt(rebuilding: Rebuilding, attempt: str, version: int) -> bool:
    """Begin anew with chunk 0 of an attempt; False for one that sorts before the one under way.

    `version`: the highest that the warehouse has of anything that this profile publishes.
    """
    if attempt < rebuilding.attempt:
        return False
    rebuilding.attempt, rebuilding.next_chunk, rebuilding.sessions, rebuilding.fired = attempt, 0, {}, []
    rebuilding.shadow = _shadow(rebuilding, version)
    return True


def is_next(rebuilding: Rebuilding, attempt: str, chunk: int) -> bool:
    """Return whether a chunk is the one that is waited for."""
    return rebuilding.shadow is not None and (attempt, chunk) == (rebuilding.attempt, rebuilding.next_chunk)


def replay(  # noqa: PLR0913, PLR0917 - what is replayed, where and by what, and what is known of it
    rebuilding: Rebuilding,
    events: Iterable[Event],
    is_stored: Callable[[Event], bool],
    context: FoldContext,
    profile: Outputs,
    meanwhile: Collection[str] = (),
) -> Iterator[tuple[int, bool]]:
    """Fold the next chunk of a replay; yield the number of each event that belongs here, and whether it was folded.

    `is_stored`: whether the id of an event lies under a key of its own, so that the event is a repetition. What the
    profile does not keep, and what is denied for others, is added to the `profile`'s outputs. `meanwhile`: what
    `came_meanwhile` says of these events.
    """
    shadow = rebuilding.shadow
    assert shadow is not None
    out = Outputs(segment_changes=[], sessions={}, drops=profile.drops, denied=profile.denied)
    known = _with_known_past(rebuilding, context, meanwhile)
    for number, event in enumerate(events):
        if owner_of(shadow, event) is None:
            if rebuilding.fired_to < min(event.occurred_at, rebuilding.began_at) and event.message_id not in meanwhile:
                rebuilding.fired_to = rebuilding.began_at  # another profile has had this event, and fired by it
                known = _with_known_past(rebuilding, context, meanwhile)
            is_new = not is_stored(event) and fold_event(shadow, event, known, out, adds_identifier=False)
            yield number, is_new
    _keep(rebuilding, out, meanwhile)
    rebuilding.next_chunk += 1


def finish(
    rebuilding: Rebuilding, published_sessions: Iterable[str], now: int, context: FoldContext, out: Outputs
) -> ProfileState:
    """Return the state after the last chunk, as of `now` (ms); make records of what differs from what was published.

    `published_sessions`: ids of the sessions that the warehouse has of this profile.
    """
    state = rebuilding.shadow
    assert state is not None
    if state.as_of != BEGINNING:
        passing = Outputs(segment_changes=[], sessions={})
        advance(state, now, _with_known_past(rebuilding, context), passing)
        _keep(rebuilding, passing)
        out.triggers += rebuilding.fired
    moment = Moment(context, out, REBUILD, state.as_of, state.lineage.version)
    if context.program.consent.is_defined or state.consent.published:
        out.touches_consent = out.announces_consent = True
    for identity, session in rebuilding.sessions.items():
        publish_session(moment, identity, *msgspec.structs.astuple(session))
    for identity in published_sessions:
        if identity not in rebuilding.sessions:
            started_at = _started_at(identity)
            publish_session(moment, identity, "retracted", started_at, started_at, 0, None, ())
    state.memberships.publish_difference(rebuilding.kept.memberships.entered_at, moment)
    publish(state, moment)
    return state


def _shadow(rebuilding: Rebuilding, version: int) -> ProfileState:
    """The state before the first event: all that is kept but for what says how far the former events had led."""
    kept = rebuilding.kept
    state = deepcopy(
        msgspec.structs.replace(
            kept, as_of=BEGINNING, recent_ids=RecentIds(), memberships=Memberships(), triggers=kept.triggers.past()
        )
    )
    state.lineage.version = max(state.lineage.version, version)
    return state


def _with_known_past(rebuilding: Rebuilding, context: FoldContext, meanwhile: Collection[str] = ()) -> FoldContext:
    """Say what is known to have fired; where nothing is, the replay itself says so."""
    if rebuilding.kept.as_of == BEGINNING:
        return context
    past = KnownPast(rebuilding.fired_to, meanwhile, rebuilding.kept.triggers.waiting())
    return msgspec.structs.replace(context, known_past=past)


def _keep(rebuilding: Rebuilding, out: Outputs, meanwhile: Collection[str] = ()) -> None:
    rebuilding.fired += (
        each for each in out.triggers if each.fired_at > rebuilding.fired_to or each.cause in meanwhile
    )
    for session_id, session in out.sessions.items():
        facts = () if session.facts is None else msgspec.structs.astuple(session.facts)
        rebuilding.sessions[session_id] = PendingSession(
            session.status, session.started_at, session.ended_at, session.events, session.entry_url, facts
        )


def _started_at(session_id: str) -> int:
    """Of `PROFILE_ID-STARTED_AT`, with or without a salt; 0 for a time before 1970."""
    text = session_id[37:].partition("-")[0]
    return int(text) if text.isdigit() else 0
