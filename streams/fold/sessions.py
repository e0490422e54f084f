"""Sessions of a profile, divided by gaps of 30 minutes, exact for events up to 24 hours late, and their facts.

The state keeps the sessions of the last 24 hours; a late event extends, starts or joins them as if it had come in time.
Beyond that it keeps the facts of the first session and of the newest one.
The id of a session follows from its start, so a session that starts earlier than was known is retracted and published
under its new id. An event later than 24 hours is a closed session of its own. All times are event times.
"""

from collections.abc import Collection, Sequence
from typing import Literal, Self, TypeAlias

import msgspec

from definitions import NEVER
from definitions.model import SESSION_GAP_MS, SessionName
from definitions.streaming.subject import SESSION
from schemas.identity import stable_id
from schemas.records import Event, OpenSession, Profile, Session, SessionFacts
from streams.fold.facet import Facet
from streams.fold.moment import FoldContext, Moment
from streams.fold.payload import facts_of, url_of

SESSION_LATENESS_MS = 24 * 3600 * 1000
MAX_URL_LENGTH = 1024
MAX_ORDER_LENGTH = 128  # of the message id, which orders two events that nothing else does

Status = Literal["open", "closed", "retracted"]

_Entry: TypeAlias = tuple[int | None, int, str | None]

_CHANGED = (SESSION,)
_NO_ENTRY: _Entry = (None, 0, None)


class DatedFacts(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The facts of an event, in the order of the fields of `SessionFacts`; the least are of the earliest event."""

    at: int
    ordinal: int
    message_id: str
    texts: tuple[str, ...]


class SessionSpan(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The events that a session spans; `entry_at`, `entry_ordinal`: of the event that gave `entry_url`.

    `facts`: of its first event that has any.
    """

    started_at: int
    ended_at: int
    events: int
    entry_at: int | None = None
    entry_ordinal: int = 0
    entry_url: str | None = None
    facts: DatedFacts | None = None


class Sessions(Facet):
    """The spans, oldest first: at least half an hour apart, hence few within the lateness bound.

    `oldest`: the first session, if it is no more among the spans. `newest`: the last one, likewise, if it is another.
    Both are without the entry. An event that is too late for the spans joins them if it is close enough.
    """

    spans: list[SessionSpan] = []
    oldest: SessionSpan | None = None
    newest: SessionSpan | None = None

    def facts(self, which: SessionName, as_of: int) -> SessionFacts | None:
        """Return the facts of a session, empty texts for unknown ones; None if there is no such session at `as_of`.

        The current session is one until its gap has passed; the last one is the newest, whether it has ended or not.
        """
        if which == "first":
            span = united(_those(self.oldest), self.spans[:1])[0] if self.oldest or self.spans else None
        else:
            span = self._last()
        if span is None or (which == "current" and span.ended_at + SESSION_GAP_MS <= as_of):
            return None
        return SessionFacts(*span.facts.texts) if span.facts else SessionFacts()

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Take in one event; what conditions read of sessions may change with any: at least when the last one ends."""
        time = event.occurred_at
        last = self.spans[-1] if self.spans else None
        if last is not None and last.started_at <= time < last.ended_at + SESSION_GAP_MS:
            # The usual case, by far: the event cannot touch any other session than the last.
            self.spans[-1] = span = _extended(last, event, moment)
            _publish(span, moment)
            return _CHANGED
        span = _of(event, moment)
        if time < moment.as_of - SESSION_LATENESS_MS:
            _publish(span, moment, salt=event.message_id)
            self._keep_ends([span])
            return _CHANGED
        self.forget(moment)
        if last is None or time > last.ended_at:
            self.spans.append(span)
            _publish(span, moment)
        else:
            before, self.spans = self.spans, united(self.spans, [span])
            self._publish_difference(before, moment)
        if self.newest is not None:
            self._keep_ends(())
        return _CHANGED

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over the sessions of another profile: those closer than the gap are one.

        Those that ended at a time of which this profile remembers nothing get ids that its own forgotten sessions
        cannot have.
        """
        self._forget(moment.before)
        before = self.spans
        self.spans = united(before, other.spans)
        self._keep_ends([*_those(other.oldest), *_those(other.newest)])
        self._publish_difference(before, moment, forgotten_until=_horizon(moment.before))

    def deadline(self, as_of: int) -> int:
        """Return when the open session ends, or NEVER."""
        if not self.spans:
            return NEVER
        ends_at = self.spans[-1].ended_at + SESSION_GAP_MS
        return ends_at if ends_at > as_of else NEVER

    def advance(self, moment: Moment) -> None:
        """Publish the last session once more if it ends now."""
        if self.spans and self.spans[-1].ended_at + SESSION_GAP_MS == moment.as_of:
            _publish(self.spans[-1], moment)

    def render(self, record: Profile, context: FoldContext, as_of: int) -> None:
        """Show the session that has not ended."""
        if self.spans and (last := self.spans[-1]).ended_at + SESSION_GAP_MS > as_of:
            identity = session_id(context.profile_id, last.started_at)
            record.session = OpenSession(identity, last.started_at, last.ended_at, last.events, last.entry_url)

    def forget(self, moment: Moment) -> None:
        """Drop the sessions that no event within the lateness bound can touch any more."""
        self._forget(moment.as_of)

    def retire(self, moment: Moment) -> None:
        """Retract all sessions; they stay, to be published by whoever takes them over."""
        for span in self.spans:
            _publish(span, moment, "retracted")

    def _forget(self, as_of: int) -> None:
        before, self.spans = self.spans, recent(self.spans, as_of)
        if len(self.spans) < len(before):
            self._keep_ends(before[: len(before) - len(self.spans)])

    def _last(self) -> SessionSpan | None:
        return max((*_those(self.oldest), *_those(self.newest), *self.spans[-1:]), key=_start, default=None)

    def _keep_ends(self, forgotten: Sequence[SessionSpan]) -> None:
        """Keep of the sessions that are not among the spans the oldest one and, if the spans are older, the newest."""
        bare = [SessionSpan(each.started_at, each.ended_at, each.events, facts=each.facts) for each in forgotten]
        known = united([*_those(self.oldest), *_those(self.newest)], bare)
        if not known:
            return
        self.oldest, newest = known[0], known[-1]
        is_last = not self.spans or self.spans[-1].started_at < newest.started_at
        self.newest = newest if is_last and newest is not known[0] else None

    def _publish_difference(
        self, before: Sequence[SessionSpan], moment: Moment, forgotten_until: int | None = None
    ) -> None:
        starts = {span.started_at for span in self.spans}
        for span in before:
            if span.started_at not in starts:
                _publish(span, moment, "retracted")
        published = {span.started_at: span for span in before}
        for span in self.spans:
            if published.get(span.started_at) != span:
                forgotten = forgotten_until is not None and span.ended_at <= forgotten_until
                _publish(span, moment, salt=f"{span.ended_at}:{span.events}" if forgotten else "")


def united(spans: Sequence[SessionSpan], others: Sequence[SessionSpan]) -> list[SessionSpan]:
    """Unite spans: those of all events of both."""
    result: list[SessionSpan] = []
    for span in sorted((*spans, *others), key=_start):
        if result and span.started_at < result[-1].ended_at + SESSION_GAP_MS:
            result[-1] = _joined(result[-1], span)
        else:
            result.append(span)
    return result


def recent(spans: Sequence[SessionSpan], as_of: int) -> list[SessionSpan]:
    """Return those that an event within the lateness bound can touch."""
    horizon = _horizon(as_of)
    return [span for span in spans if span.ended_at > horizon]


def session_id(profile_id: str, started_at: int, salt: str = "") -> str:
    """Return the id of a session; the salt tells sessions outside the lateness bound from the others."""
    return f"{profile_id}-{started_at}-{stable_id(salt)}" if salt else f"{profile_id}-{started_at}"


def publish_session(  # noqa: PLR0913, PLR0917 - field by field, as a rebuild has them
    moment: Moment,
    identity: str,
    status: Status,
    started_at: int,
    ended_at: int,
    events: int,
    entry_url: str | None,
    facts: tuple[str, ...],
) -> None:
    """Publish a session under a new version; of several records of one batch the last one counts."""
    moment.version = version = moment.version + 1
    context = moment.context
    moment.out.sessions[identity] = Session(
        context.workspace,
        identity,
        context.profile_id,
        status,
        started_at,
        ended_at,
        events,
        version,
        entry_url,
        context.kind,
        SessionFacts(*facts) if facts else None,
    )


def _horizon(as_of: int) -> int:
    return as_of - SESSION_LATENESS_MS - SESSION_GAP_MS


def _publish(
    span: SessionSpan,
    moment: Moment,
    status: Status | None = None,
    salt: str = "",
) -> None:
    if status is None:
        status = "open" if span.ended_at + SESSION_GAP_MS > moment.as_of else "closed"
    identity = session_id(moment.context.profile_id, span.started_at, salt)
    facts = span.facts.texts if span.facts else ()
    publish_session(moment, identity, status, span.started_at, span.ended_at, span.events, span.entry_url, facts)


def _of(event: Event, moment: Moment) -> SessionSpan:
    return SessionSpan(event.occurred_at, event.occurred_at, 1, *_entry(event, moment), _dated(event))


def _extended(last: SessionSpan, event: Event, moment: Moment) -> SessionSpan:
    """A session with one more event, which does not begin before it; what cannot be its first is not parsed."""
    time, entry, facts = event.occurred_at, _entry_of(last), last.facts
    if last.entry_at is None or time <= last.entry_at:
        entry = _earlier_entry(entry, _entry(event, moment))
    if facts is None or time <= facts.at:
        facts = _earlier(facts, _dated(event))
    ended_at = time if time > last.ended_at else last.ended_at
    return SessionSpan(last.started_at, ended_at, last.events + 1, entry[0], entry[1], entry[2], facts)


def _joined(left: SessionSpan, right: SessionSpan) -> SessionSpan:
    entry = _earlier_entry(_entry_of(left), _entry_of(right))
    return SessionSpan(
        min(left.started_at, right.started_at),
        max(left.ended_at, right.ended_at),
        left.events + right.events,
        entry[0],
        entry[1],
        entry[2],
        _earlier(left.facts, right.facts),
    )


def _entry_of(span: SessionSpan) -> _Entry:
    return span.entry_at, span.entry_ordinal, span.entry_url


def _earlier_entry(left: _Entry, right: _Entry) -> _Entry:
    entries = [(at, ordinal, url or "") for at, ordinal, url in (left, right) if at is not None]
    return min(entries, default=_NO_ENTRY)


def _dated(event: Event) -> DatedFacts | None:
    texts = facts_of(event)
    return DatedFacts(event.occurred_at, event.ordinal, event.message_id[:MAX_ORDER_LENGTH], texts) if texts else None


def _earlier(left: DatedFacts | None, right: DatedFacts | None) -> DatedFacts | None:
    return min((each for each in (left, right) if each is not None), default=None)


def _those(span: SessionSpan | None) -> tuple[SessionSpan, ...]:
    return () if span is None else (span,)


def _start(span: SessionSpan) -> int:
    return span.started_at


def _entry(event: Event, moment: Moment) -> _Entry:
    url = url_of(event)
    if not url:
        return _NO_ENTRY
    if len(url) > MAX_URL_LENGTH:
        moment.drop("entry_url", "too_long")
    return event.occurred_at, event.ordinal, url[:MAX_URL_LENGTH]
