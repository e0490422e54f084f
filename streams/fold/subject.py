"""A profile as definitions read it: over its facets, as of a moment."""

from collections.abc import Mapping

from definitions.model import SESSION_GAP_MS, SessionName
from definitions.streaming.subject import SessionBounds
from schemas.consent import Answer, is_answer
from streams.fold.moment import FoldContext
from streams.fold.state import ProfileState


class ProfileSubject:
    """Reads facets where an evaluation asks for them."""

    __slots__ = (
        "_computed",
        "_consent",
        "_defaults",
        "_members",
        "_mined",
        "_program",
        "_sessions",
        "_traits",
        "profile_id",
        "state",
    )

    def __init__(self, state: ProfileState, context: FoldContext) -> None:
        self.profile_id = context.profile_id
        self.state = state.aggregates.states.get
        self._program = context.program
        self._consent = state.consent
        self._defaults: Mapping[str, object] = context.program.defaults
        self._computed = state.computed
        self._members = state.memberships.entered_at
        self._mined = state.mined
        self._sessions = state.sessions
        self._traits = state.traits

    def trait(self, name: str) -> object:
        """Return the value of a trait; a defined one comes before one that was sent."""
        if name not in self._defaults:
            return self._traits.value(name)
        value = self._computed.value(name)
        return self._defaults[name] if value is None else value

    def mined(self, name: str) -> object:
        """Return what a query has found; None if nothing."""
        return self._mined.value(name)

    def is_member(self, segment: str) -> bool:
        """Return whether the profile is in a segment."""
        return segment in self._members

    def session(self, now: int) -> SessionBounds | None:
        """Return the session that `now` lies in."""
        if not self._sessions.spans:
            return None
        last = self._sessions.spans[-1]
        ends_at = last.ended_at + SESSION_GAP_MS
        return SessionBounds(last.started_at, ends_at) if ends_at > now else None

    def fact(self, session: SessionName, fact: str, now: int) -> str | None:
        """Return a fact of a session; None where there is none."""
        facts = self._sessions.facts(session, now)
        return None if facts is None else getattr(facts, fact) or None

    def says(self, purpose: str, channel: str, answer: Answer) -> bool:
        """Return whether this is what the profile has said for a purpose on a channel (empty: on every one)."""
        said = self._consent.about(purpose, channel)
        return is_answer(answer, said, purpose, channel, self._program.consent.defaults)
