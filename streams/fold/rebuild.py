"""Rebuilding a profile from the replay of its events, and telling only what is different (docs/decisions/0009).

Pure, as the fold: which records are put aside, and what becomes of them afterwards, is the agent's.
"""

from collections.abc import Iterable, Iterator

import msgspec

from schemas.records import Event, Rebuild, Session
from streams.fold import recent_ids, segments
from streams.fold.context import FoldContext, Outputs
from streams.fold.fold import advance, fold_event
from streams.fold.ownership import owner_of
from streams.fold.state import BEGINNING, Entry, Forward, ProfileState, Rebuilding, Told

ASIDE_PER_CHUNK = 8_192
_COMMAND = bytes(recent_ids.HASH_BYTES)


def begin(entry: Entry | None, command: Rebuild) -> Rebuilding | None:
    """The profile as it waits for its replay; None if it knows a later decision, or this one.

    `command`: its `identifiers` are all that belong to it from now on, `owners` those who hold the device that the
    profile is of, `reattributed` the devices that may have handed on to it what belongs to others.
    """
    decision = command.decision
    known = 0 if entry is None else entry.rebuilt if isinstance(entry, ProfileState) else entry.decision
    if decision <= known:
        return None
    reattributed = {} if entry is None or isinstance(entry, Forward) else entry.reattributed
    return Rebuilding(
        decision=decision,
        identifiers=[(one.namespace, one.value) for one in command.identifiers],
        version=0 if entry is None else entry.version,
        memberships={} if entry is None or isinstance(entry, Forward) else dict(entry.memberships),
        aside=entry.aside if isinstance(entry, Rebuilding) else b"",
        aside_chunks=entry.aside_chunks if isinstance(entry, Rebuilding) else 0,
        reattributed=reattributed | {str(one): decision for one in command.reattributed},
        owners=command.owners,
    )


def put_aside(rebuilding: Rebuilding, message_id: str | None) -> int:
    """Count one more record that waits; its number. `message_id`: None for a command."""
    rebuilding.aside += _COMMAND if message_id is None else recent_ids.hashed(message_id)
    return waiting(rebuilding) - 1


def full_chunks(rebuilding: Rebuilding) -> Iterator[tuple[int, bytes]]:
    """Number and hashes of every chunk that has become full, to be kept elsewhere; the entry has them no more."""
    size = ASIDE_PER_CHUNK * recent_ids.HASH_BYTES
    while len(rebuilding.aside) >= size:
        full, rebuilding.aside = rebuilding.aside[:size], rebuilding.aside[size:]
        rebuilding.aside_chunks += 1
        yield rebuilding.aside_chunks - 1, full


def waiting(rebuilding: Rebuilding) -> int:
    """How many records were put aside."""
    return rebuilding.aside_chunks * ASIDE_PER_CHUNK + len(rebuilding.aside) // recent_ids.HASH_BYTES


def replayed_already(rebuilding: Rebuilding, events: Iterable[Event], chunks: Iterable[bytes]) -> list[int]:
    """The numbers of what waits and was folded with these events; what is handed on instead must still be.

    `chunks`: those that became full.
    """
    shadow = rebuilding.shadow
    if not waiting(rebuilding):
        return []
    folded = (event for event in events if shadow is None or owner_of(shadow, event) is None)
    hashes = {recent_ids.hashed(event.message_id) for event in folded}
    size = recent_ids.HASH_BYTES
    return [
        chunk * ASIDE_PER_CHUNK + at // size
        for chunk, packed in enumerate((*chunks, rebuilding.aside))
        for at in range(0, len(packed), size)
        if packed[at : at + size] in hashes
    ]


def replay(  # noqa: PLR0913, PLR0917 - a part is many things
    rebuilding: Rebuilding, run: str, part: int, version: int, events: Iterable[Event], context: FoldContext
) -> bool:
    """Fold one part of a replay; False for one that is not the next of its run, or of a run that sorts before it.

    `version`: the highest that the warehouse has of anything that this profile tells of.
    """
    if part == 0 and run >= rebuilding.run:
        rebuilding.run, rebuilding.next_part, rebuilding.sessions = run, 0, {}
        rebuilding.arrivals = b""
        rebuilding.shadow = ProfileState(
            version=max(rebuilding.version, version),
            decision=rebuilding.decision,
            identifiers=list(rebuilding.identifiers),
            rebuilt=rebuilding.decision,
            reattributed=dict(rebuilding.reattributed),
            owners=rebuilding.owners,
            owners_decision=rebuilding.decision if rebuilding.owners else 0,
        )
    if rebuilding.shadow is None or (run, part) != (rebuilding.run, rebuilding.next_part):
        return False
    out = Outputs(segment_changes=[], sessions={})
    arrived = bytearray(rebuilding.arrivals)
    for event in events:
        if owner_of(rebuilding.shadow, event) is not None:
            continue
        if fold_event(rebuilding.shadow, event, context, out, adds_identifier=False):
            arrived += recent_ids.arrival(event.message_id, event.received_at)
    rebuilding.arrivals = recent_ids.newest(bytes(arrived))
    _keep(rebuilding, out)
    rebuilding.next_part += 1
    return True


def finish(
    rebuilding: Rebuilding, known_sessions: Iterable[str], now: int, context: FoldContext, out: Outputs
) -> ProfileState:
    """The state after the last part, as of `now` (ms), and the records of what is different from what was told.

    `known_sessions`: ids of the sessions that the warehouse has of this profile.
    """
    state = rebuilding.shadow
    assert state is not None
    state.recent_ids = recent_ids.in_order_of_arrival(rebuilding.arrivals)
    if state.as_of != BEGINNING:
        passing = Outputs(segment_changes=[], sessions={})
        advance(state, now, context, passing)
        _keep(rebuilding, passing)
    for identity, told in rebuilding.sessions.items():
        _tell(state, identity, told, context, out)
    for identity in known_sessions:
        if identity not in rebuilding.sessions:
            started_at = _started_at(identity)
            _tell(state, identity, Told("retracted", started_at, started_at, 0), context, out)
    _tell_memberships(state, rebuilding.memberships, context, out)
    return state


def _keep(rebuilding: Rebuilding, out: Outputs) -> None:
    for identity, one in out.sessions.items():
        rebuilding.sessions[identity] = Told(one.status, one.started_at, one.ended_at, one.events, one.entry_url)


def _tell(state: ProfileState, identity: str, told: Told, context: FoldContext, out: Outputs) -> None:
    state.version += 1
    out.sessions[identity] = Session(
        context.workspace, identity, context.profile_id, told.status, told.started_at, told.ended_at, told.events,
        state.version, told.entry_url, context.kind,
    )  # fmt: skip


def _tell_memberships(state: ProfileState, told: dict[str, int], context: FoldContext, out: Outputs) -> None:
    for name in sorted(told.keys() - state.memberships.keys()):
        out.segment_changes.append(segments.change_record(state, name, "exited", segments.REBUILD, context))
    for name in sorted(state.memberships.keys() - told.keys()):
        entered = segments.change_record(state, name, "entered", segments.REBUILD, context)
        out.segment_changes.append(msgspec.structs.replace(entered, changed_at=state.memberships[name]))
    # Who stays in a segment has been in it since others were told so.
    state.memberships |= {name: since for name, since in told.items() if name in state.memberships}


def _started_at(session_id: str) -> int:
    """Of `PROFILE_ID-STARTED_AT`, with or without a salt; 0 for a time before 1970."""
    text = session_id[37:].partition("-")[0]
    return int(text) if text.isdigit() else 0
