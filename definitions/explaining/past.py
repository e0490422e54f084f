"""A profile as its past events show it: the subject over which an explanation evaluates definitions once more."""

from collections.abc import Mapping, Sequence

from definitions.model import EventMatcher, SessionName
from definitions.plan.accumulators import Accumulator as Planned
from definitions.streaming.accumulators import Accumulator, OpenParts, compile_accumulator
from definitions.streaming.items import CompiledTrait
from definitions.streaming.program import Program
from definitions.streaming.states import AnyState, Place
from definitions.streaming.subject import SessionBounds
from schemas.records import Event

Facts = Mapping[SessionName, Mapping[str, str]]


class PastProfile:
    """A subject as of `now` (ms): its events up to then, each once, in any order.

    `sent`: the traits that were sent. `current`: the session that `now` lies in. `facts`: of each session there is.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what is known of a profile, by where it is found
        self,
        profile_id: str,
        program: Program,
        events: Sequence[Event],
        now: int,
        sent: Mapping[str, object],
        current: SessionBounds | None = None,
        facts: Facts | None = None,
    ) -> None:
        self.profile_id = profile_id
        self.program = program
        self.now = now
        self.events = sorted((event for event in events if event.occurred_at <= now), key=_place)
        self._parts = {id(event): OpenParts(event) for event in self.events}
        self._sent = sent
        self._current = current
        self._facts = facts or {}
        self._states: dict[str, AnyState | None] = {}
        self._values: dict[str, object] = {}
        self._memberships: dict[str, bool] = {}
        for item in program.items:  # in the order of their dependencies
            if isinstance(item, CompiledTrait):
                value = item.evaluate(self, now).value
                self._values[item.name] = program.defaults.get(item.name) if value is None else value
            else:
                self._memberships[item.name] = item.evaluate(self, now).holds

    def state(self, key: str) -> AnyState | None:
        """Return what an accumulator has of the events."""
        if key not in self._states:
            self._states[key] = self._collected(self.program.by_key[key])
        return self._states[key]

    def trait(self, name: str) -> object:
        """Return the value of a trait; a defined one comes before one that was sent."""
        return self._values[name] if name in self._values else self._sent.get(name)

    def is_member(self, segment: str) -> bool:
        """Return whether the profile fulfils a segment."""
        return self._memberships.get(segment, False)

    def session(self, now: int) -> SessionBounds | None:
        """Return the session that `now` lies in."""
        return self._current if self._current is not None and now < self._current.ends_at else None

    def fact(self, session: SessionName, fact: str, now: int) -> str | None:
        """Return a fact of a session; None where there is none."""
        if session == "current" and self.session(now) is None:
            return None
        return self._facts.get(session, {}).get(fact) or None

    def matching(self, planned: Planned) -> list[Event]:
        """Return the events that go into an accumulator, in order."""
        accumulator = compile_accumulator(planned)
        return [event for event in self.events if self._counts(event, accumulator)]

    def value_of(self, event: Event, planned: Planned) -> object:
        """Return what an accumulator keeps of an event; None if it keeps no value."""
        read = compile_accumulator(planned).value
        return None if read is None else read(self._parts[id(event)])

    def _collected(self, accumulator: Accumulator) -> AnyState | None:
        state: AnyState | None = None
        for event in self.events:
            if self._counts(event, accumulator):
                state = state or accumulator.new_state()
                value = None if accumulator.value is None else accumulator.value(self._parts[id(event)])
                state.add(_place(event), value)
        if state is not None:
            state.trim(accumulator.planned, self.now)
        return state

    def _counts(self, event: Event, accumulator: Accumulator) -> bool:
        parts = self._parts[id(event)]
        return (
            _is_called(event, accumulator.planned.events)
            and accumulator.matches(parts)
            and (accumulator.value is None or accumulator.value(parts) is not None)
        )


def _is_called(event: Event, events: EventMatcher) -> bool:
    calls = events.calls
    return not calls or any(call.type in {None, event.type} and call.name in {None, event.event} for call in calls)


def _place(event: Event) -> Place:
    return Place(event.occurred_at, event.ordinal, event.message_id)
