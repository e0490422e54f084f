"""Sessions of a profile, divided by gaps of 30 minutes, exact for events up to 24 hours late, and their facts.

The state keeps the sessions of the last 24 hours; a late event extends, starts or joins them as if it had come in time.
Beyond that it keeps the facts of the first session and of the newest one.
The id of a session follows from its start, so a session that starts earlier than was known is retracted and published
under its new id. An event later than 24 hours is a closed session of its own. All times are event times.
"""

from collections.abc import Collection, Sequence
from typing import Literal, Self

import msgspec

from definitions import NEVER
from schemas.records import Event, OpenSession, Profile, Session, SessionFacts
from streams.fold.facet import Facet
from streams.fold.moment import FoldContext, Moment, stable_id
from streams.fold.payload import facts_of, url_of

SESSION_GAP_MS = 30 * 60 * 1000
SESSION_LATENESS_MS = 24 * 3600 * 1000
MAX_URL_LENGTH = 1024

SESSION = "session"  # the name under which conditions hear of a change

Status = Literal["open", "closed", "retracted"]
Which = Literal["current", "first", "last"]

_CHANGED = (SESSION,)
_NO_ENTRY = (None, 0, None)


class DatedFacts(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The facts of the earliest event that has any, in the order of the fields of `SessionFacts`."""

    at: int
    ordinal: int
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

    `first`: the facts of the earliest event ever that has any, which are those of the first session that has any.
    `forgotten`: the newest session that is no more among the spans, if it is newer than those, without its entry.
    """

    spans: list[SessionSpan] = []
    first: DatedFacts | None = None
    forgotten: SessionSpan | None = None

    def facts(self, which: Which, as_of: int) -> SessionFacts | None:
        """The facts of a session, empty texts for what is not known; None if there is no such session at `as_of`.

        The current session is one until its gap has passed; the last one is the newest, whether it has ended or not.
        """
        newest = self._newest()
        if newest is None or (which == "current" and newest.ended_at + SESSION_GAP_MS <= as_of):
            return None
        return _record(self.first if which == "first" else newest.facts)

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Take in one event; what conditions read of sessions may change with any: at least when the last one ends."""
        if self.first is None or event.occurred_at <= self.first.at:
            self.first = _earlier(self.first, _dated(event))
        self._add(event, moment)
        return _CHANGED

    def _add(self, event: Event, moment: Moment) -> None:
        time = event.occurred_at
        last = self.spans[-1] if self.spans else None
        if last is not None and last.started_at <= time < last.ended_at + SESSION_GAP_MS:
            # The usual case, by far: the event cannot touch any other session than the last.
            self.spans[-1] = span = _extended(last, event, moment)
            _publish(span, moment)
            return
        span = _of(event, moment)
        if time < moment.as_of - SESSION_LATENESS_MS:
            _publish(span, moment, salt=event.message_id)
            self._leave(span)
            return
        self.forget(moment)
        if last is None or time > last.ended_at:
            self.spans.append(span)
            _publish(span, moment)
        else:
            before, self.spans = self.spans, united(self.spans, [span])
            self._publish_difference(before, moment)

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over the sessions of another profile: those closer than the gap are one.

        Those that ended at a time of which this profile remembers nothing get ids that its own forgotten sessions
        cannot have.
        """
        self.first = _earlier(self.first, other.first)
        self._forget(moment.before)
        before = self.spans
        self.spans = united(before, other.spans)
        for forgotten in (self.forgotten, other.forgotten):
            self._leave(forgotten)
        self._publish_difference(before, moment, forgotten_until=_horizon(moment.before))

    def deadline(self, as_of: int) -> int:
        """When the open session ends, or NEVER."""
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
        if before and not self.spans:
            self._leave(before[-1])

    def _leave(self, span: SessionSpan | None) -> None:
        """Remember of a session outside the spans what is asked of the newest one, as long as it is that."""
        candidates = [each for each in (span, self.forgotten) if each is not None]
        newest = max(candidates, key=_age, default=None)
        if newest is None or (self.spans and self.spans[-1].started_at >= newest.started_at):
            self.forgotten = None
        else:
            self.forgotten = SessionSpan(newest.started_at, newest.ended_at, newest.events, facts=newest.facts)

    def _newest(self) -> SessionSpan | None:
        return self.forgotten or (self.spans[-1] if self.spans else None)

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
    """The spans of all events of both."""
    result: list[SessionSpan] = []
    for span in sorted((*spans, *others), key=lambda span: span.started_at):
        if result and span.started_at < result[-1].ended_at + SESSION_GAP_MS:
            result[-1] = _joined(result[-1], span)
        else:
            result.append(span)
    return result


def recent(spans: Sequence[SessionSpan], as_of: int) -> list[SessionSpan]:
    """Those that an event within the lateness bound can touch."""
    horizon = _horizon(as_of)
    return [span for span in spans if span.ended_at > horizon]


def session_id(profile_id: str, started_at: int, salt: str = "") -> str:
    """The id of a session; the salt tells sessions outside the lateness bound from the others."""
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
    time, facts = event.occurred_at, last.facts
    if last.entry_at is not None and facts is not None and time > last.entry_at and time > facts.at:
        ended_at = time if time > last.ended_at else last.ended_at
        return SessionSpan(
            last.started_at, ended_at, last.events + 1, last.entry_at, last.entry_ordinal, last.entry_url, facts
        )
    return _joined(last, _of(event, moment))


def _joined(left: SessionSpan, right: SessionSpan) -> SessionSpan:
    entries = [
        (span.entry_at, span.entry_ordinal, span.entry_url or "") for span in (left, right) if span.entry_at is not None
    ]
    entry_at, entry_ordinal, entry_url = min(entries, default=_NO_ENTRY)
    return SessionSpan(
        min(left.started_at, right.started_at),
        max(left.ended_at, right.ended_at),
        left.events + right.events,
        entry_at,
        entry_ordinal,
        entry_url,
        _earlier(left.facts, right.facts),
    )


def _dated(event: Event) -> DatedFacts | None:
    texts = facts_of(event)
    return DatedFacts(event.occurred_at, event.ordinal, texts) if texts else None


def _earlier(left: DatedFacts | None, right: DatedFacts | None) -> DatedFacts | None:
    return min((each for each in (left, right) if each is not None), default=None)


def _record(dated: DatedFacts | None) -> SessionFacts:
    return SessionFacts(*dated.texts) if dated else SessionFacts()


def _age(span: SessionSpan) -> tuple[int, int, int, bool, tuple[str, ...]]:
    """Order sessions by time, and those of one time in some order that is always the same."""
    return span.started_at, span.ended_at, span.events, span.facts is not None, span.facts.texts if span.facts else ()


def _entry(event: Event, moment: Moment) -> tuple[int | None, int, str | None]:
    url = url_of(event)
    if not url:
        return _NO_ENTRY
    if len(url) > MAX_URL_LENGTH:
        moment.drop("entry_url", "too_long")
    return event.occurred_at, event.ordinal, url[:MAX_URL_LENGTH]
