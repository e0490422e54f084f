"""Sessions: visits of a profile, parted by gaps of 30 minutes, exact for events up to 24 hours late.

The state keeps the visits of the last 24 hours; a late event extends, starts or joins them as if it had come in time.
The id of a session follows from its start, so a session that starts earlier than was known is retracted and sent
under its new id. An event later than 24 hours is a closed session of its own. All times are event times.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from definitions import NEVER
from schemas.records import Event, OpenSession, Session
from streams.fold.context import FoldContext, Outputs, stable_id
from streams.fold.state import ProfileState, Visit

SESSION_GAP_MS = 30 * 60 * 1000
SESSION_LATENESS_MS = 24 * 3600 * 1000
MAX_URL_LENGTH = 1024


class _Page(msgspec.Struct, gc=False):
    url: str | None = None


class _Context(msgspec.Struct, gc=False):
    page: _Page | None = None


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_context = msgspec.json.Decoder(_Context).decode


def add(state: ProfileState, event: Event, context: FoldContext, out: Outputs) -> None:
    """Put an event at time <= `as_of` into its session."""
    at = event.occurred_at
    last = state.visits[-1] if state.visits else None
    if last is not None and last.started_at <= at < last.ended_at + SESSION_GAP_MS:
        # The usual case, by far: the event cannot touch any other session than the last.
        state.visits[-1] = visit = _extended(last, event)
        _publish(visit, state, context, out)
        return
    visit = Visit(at, at, 1, *_entry(event))
    if at < state.as_of - SESSION_LATENESS_MS:
        _publish(visit, state, context, out, salt=event.message_id)
        return
    before = prune(state.visits, state.as_of)
    if last is None or at > last.ended_at:
        state.visits = [*before, visit]
        _publish(visit, state, context, out)
    else:
        state.visits = unite(before, [visit])
        publish_difference(before, state, context, out)


def close(state: ProfileState, context: FoldContext, out: Outputs) -> None:
    """Publish the last session once more; called when its deadline is `as_of`."""
    _publish(state.visits[-1], state, context, out)


def deadline(state: ProfileState) -> int:
    """When the open session ends, or NEVER."""
    if not state.visits:
        return NEVER
    ends_at = state.visits[-1].ended_at + SESSION_GAP_MS
    return ends_at if ends_at > state.as_of else NEVER


def open_session(state: ProfileState, context: FoldContext) -> OpenSession | None:
    """The session that has not ended as of the state's time."""
    if deadline(state) == NEVER:
        return None
    last = state.visits[-1]
    identity = session_id(context.profile_id, last.started_at)
    return OpenSession(identity, last.started_at, last.ended_at, last.events, last.entry_url)


def unite(visits: Sequence[Visit], other: Sequence[Visit]) -> list[Visit]:
    """The visits of all events of both: those closer than the gap are one."""
    united: list[Visit] = []
    for visit in sorted((*visits, *other), key=lambda visit: visit.started_at):
        if united and visit.started_at < united[-1].ended_at + SESSION_GAP_MS:
            united[-1] = _join(united[-1], visit)
        else:
            united.append(visit)
    return united


def absorb(state: ProfileState, other: Sequence[Visit], own_as_of: int, context: FoldContext, out: Outputs) -> None:
    """Take over the visits of another profile; `own_as_of` is the state's time before the merge."""
    before = prune(state.visits, own_as_of)
    state.visits = unite(before, other)
    publish_difference(before, state, context, out, forgotten_until=own_as_of - SESSION_LATENESS_MS - SESSION_GAP_MS)
    state.visits = prune(state.visits, state.as_of)


def retract(state: ProfileState, visit: Visit, context: FoldContext, out: Outputs) -> None:
    """Publish that a session is no more."""
    identity = session_id(context.profile_id, visit.started_at)
    out.sessions[identity] = _record(visit, identity, state, context, "retracted")


def publish_difference(
    before: Sequence[Visit],
    state: ProfileState,
    context: FoldContext,
    out: Outputs,
    forgotten_until: int | None = None,
) -> None:
    """Publish what changed between `before` and the state's visits.

    Sessions that ended until `forgotten_until` came with a merge from a time of which this profile remembers nothing:
    they get ids that cannot meet those of its own forgotten sessions.
    """
    starts = {visit.started_at for visit in state.visits}
    for visit in before:
        if visit.started_at not in starts:
            retract(state, visit, context, out)
    known = {visit.started_at: visit for visit in before}
    for visit in state.visits:
        if known.get(visit.started_at) != visit:
            forgotten = forgotten_until is not None and visit.ended_at <= forgotten_until
            salt = f"{visit.ended_at}:{visit.events}" if forgotten else ""
            _publish(visit, state, context, out, salt)


def prune(visits: Sequence[Visit], as_of: int) -> list[Visit]:
    """Without the visits that no event within the lateness bound can touch any more."""
    horizon = as_of - SESSION_LATENESS_MS - SESSION_GAP_MS
    return [visit for visit in visits if visit.ended_at > horizon]


def session_id(profile_id: str, started_at: int, salt: str = "") -> str:
    """The id of a session; the salt parts sessions that are outside the lateness bound from the others."""
    return f"{profile_id}-{started_at}-{stable_id(salt)}" if salt else f"{profile_id}-{started_at}"


def _publish(visit: Visit, state: ProfileState, context: FoldContext, out: Outputs, salt: str = "") -> None:
    identity = session_id(context.profile_id, visit.started_at, salt)
    out.sessions[identity] = _record(visit, identity, state, context)


def _record(
    visit: Visit,
    identity: str,
    state: ProfileState,
    context: FoldContext,
    status: Literal["open", "closed", "retracted"] | None = None,
) -> Session:
    if status is None:
        status = "open" if visit.ended_at + SESSION_GAP_MS > state.as_of else "closed"
    state.version += 1
    return Session(
        workspace=context.workspace,
        session_id=identity,
        profile_id=context.profile_id,
        status=status,
        started_at=visit.started_at,
        ended_at=visit.ended_at,
        events=visit.events,
        version=state.version,
        entry_url=visit.entry_url,
        profile_kind=context.kind,
    )


def _extended(last: Visit, event: Event) -> Visit:
    at = event.occurred_at
    if last.entry_at is not None and at > last.entry_at:
        ended_at = at if at > last.ended_at else last.ended_at
        return Visit(last.started_at, ended_at, last.events + 1, last.entry_at, last.entry_url)
    return _join(last, Visit(at, at, 1, *_entry(event)))


def _join(left: Visit, right: Visit) -> Visit:
    entries = [(visit.entry_at, visit.entry_url or "") for visit in (left, right) if visit.entry_at is not None]
    entry_at, entry_url = min(entries, default=(None, None))
    return Visit(
        min(left.started_at, right.started_at),
        max(left.ended_at, right.ended_at),
        left.events + right.events,
        entry_at,
        entry_url,
    )


def _entry(event: Event) -> tuple[int | None, str | None]:
    url = _url(event)
    return (event.occurred_at, url[:MAX_URL_LENGTH]) if url else (None, None)


def _url(event: Event) -> str | None:
    try:
        url = _decode_page(event.properties).url
    except (ValueError, RecursionError):
        url = None
    if url:
        return url
    try:
        page = _decode_context(event.context).page
    except (ValueError, RecursionError):
        return None
    return page.url if page else None
