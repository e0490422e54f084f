"""A profile as its past events show it: the subject over which an explanation evaluates definitions once more."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Self

from definitions.explaining.mistyped import compile_mistyped, compile_mistyped_filters
from definitions.explaining.statements import PastStatement, said_until
from definitions.model import SESSION_GAP_MS, EventMatcher, Path, SessionName
from definitions.plan.accumulators import Accumulator
from definitions.streaming.accumulators import CompiledAccumulator, OpenParts, compile_accumulator
from definitions.streaming.items import CompiledSegment, CompiledTrait, membership_of
from definitions.streaming.program import Program
from definitions.streaming.states import AnyState, EventOrder
from definitions.streaming.subject import NEVER, SessionBounds
from definitions.streaming.triggers import CompiledTrigger
from definitions.streaming.values import value_within
from schemas.consent import Answer, ConsentState, is_answer
from schemas.records import Event

Facts = Mapping[SessionName, Mapping[str, str]]


class PastProfile:
    """A subject as of `now` (ms): its events up to then, each once, in any order.

    Traits and memberships are evaluated when they are asked for: an explanation of one definition reads few of them.
    `sent`: the traits that were sent, `mined`: what queries have found. `current`: the session that `now` lies in.
    `facts`: of each session there is. `statements`: what came to count about being sent things.
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
        mined: Mapping[str, object] = MappingProxyType({}),
        statements: Sequence[PastStatement] = (),
    ) -> None:
        self.profile_id = profile_id
        self.program = program
        self.now = self._events_to = now
        self.events = sorted((event for event in events if event.occurred_at <= now), key=_order)
        self._parts = {id(event): OpenParts(event) for event in self.events}
        self._sent = sent
        self._mined = mined
        self._statements = statements
        self.consent: ConsentState = said_until(statements, now)
        self._current = current
        self._facts = facts or {}
        self._states: dict[str, AnyState | None] = {}
        self._values: dict[str, object] = {}
        self._untils: dict[str, int] = {}
        self._items = {item.changes: item for item in program.items if not isinstance(item, CompiledTrigger)}
        self._by_call: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        for index, event in enumerate(self.events):
            self._by_call[event.type, event.event].append(index)

    def later(self, now: int) -> Self:
        """Return the profile as it is at a later time, or at the same, if no event comes."""
        later = copy(self)  # with the states, of which `trim` has left whatever later times ask for
        later.now, later._values, later._untils = now, {}, {}
        return later

    def earlier(self, now: int) -> "PastProfile":
        """Return the profile as it was earlier, as far as its events show it; facts of sessions are those of now."""
        events = [event for event in self.events if event.occurred_at <= now]
        writes = [self._parts[id(event)].traits for event in self.events if event.type == "identify"]
        sent = {name: value for name, value in self._sent.items() if not any(name in traits for traits in writes)}
        for event in events:
            sent |= self._parts[id(event)].traits if event.type == "identify" else {}
        return PastProfile(
            self.profile_id,
            self.program,
            events,
            now,
            sent,
            _last_session(events),
            self._facts,
            self._mined,
            self._statements,
        )

    def about(self, trigger: CompiledTrigger) -> list[Event]:
        """Return the events that a trigger is about, in order."""
        on = trigger.definition.on
        called = () if on is None else self._called(on)
        return [event for event in called if trigger.matches(self._parts[id(event)])]

    def zone(self) -> str | None:
        """Return the time zone that the newest event which names one names; None if none does."""
        zones = (self._parts[id(event)].context.get("timezone") for event in reversed(self.events))
        return next((zone for zone in zones if isinstance(zone, str)), None)

    def changes_at(self) -> int:
        """Return when a trait or membership that was read so far may change by itself; NEVER if none does."""
        return min(self._untils.values(), default=NEVER)

    def state(self, key: str) -> AnyState | None:
        """Return what an accumulator has of the events."""
        if key not in self._states:
            self._states[key] = self._collected(self.program.by_key[key])
        return self._states[key]

    def trait(self, name: str) -> object:
        """Return the value of a trait; a defined one comes before one that was sent."""
        return self._value(name) if name in self._items else self._sent.get(name)

    def mined(self, name: str) -> object:
        """Return what a query has found; None if nothing."""
        return self._mined.get(name)

    def is_member(self, segment: str) -> bool:
        """Return whether the profile fulfils a segment."""
        name = membership_of(segment)
        return name in self._items and bool(self._value(name))

    def _value(self, name: str) -> object:
        """Return what others read under a name: evaluated with all that it reads, at first asking."""
        if name not in self._values:
            for item in self._needed(name):
                self._values[item.changes] = self._evaluated(item)
        return self._values[name]

    def _needed(self, name: str) -> list[CompiledTrait | CompiledSegment]:
        """Return what is to be evaluated for a name, in order: one that reads another comes after it."""
        needed, open_names = set[str](), [name]
        while open_names:
            item = self._items.get(open_names.pop())
            if item is not None and item.changes not in needed and item.changes not in self._values:
                needed.add(item.changes)
                open_names += item.reads
        return [item for changes, item in self._items.items() if changes in needed]

    def _evaluated(self, item: CompiledTrait | CompiledSegment) -> object:
        value, self._untils[item.changes] = item.evaluate(self, self.now)
        if isinstance(item, CompiledSegment):
            return value
        return self.program.defaults.get(item.name) if value is None else value

    def session(self, now: int) -> SessionBounds | None:
        """Return the session that `now` lies in."""
        return self._current if self._current is not None and now < self._current.ends_at else None

    def fact(self, session: SessionName, fact: str, now: int) -> str | None:
        """Return a fact of a session; None where there is none."""
        if session == "current" and self.session(now) is None:
            return None
        return self._facts.get(session, {}).get(fact) or None

    def says(self, purpose: str, channel: str, answer: Answer) -> bool:
        """Return whether this is what the profile has said for a purpose on a channel (empty: on every one)."""
        return is_answer(answer, self.consent, purpose, channel, self.program.consent.defaults)

    def matching(self, planned: Accumulator) -> list[Event]:
        """Return the events that go into an accumulator, in order; of sessions those that begin one."""
        accumulator = compile_accumulator(planned)
        counted = [event for event in self._called(planned.events) if self._counts(event, accumulator)]
        return _beginning_sessions(counted) if planned.keeping == "sessions" else counted

    def mistyped(self, wanted: Sequence[Accumulator], after: int) -> list[tuple[Event, object]]:
        """Return the events after a time (ms) that a value of a wrong type keeps out of all accumulators, in order.

        Each comes with the value; of one accumulator also those of which it keeps out a part.
        """
        counting = set[int]() if len(wanted) == 1 else {id(event) for need in wanted for event in self.matching(need)}
        found: dict[int, tuple[Event, object]] = {}
        for planned in wanted:
            find = compile_mistyped(planned)
            for event in self._called(planned.events):
                value = find(self._parts[id(event)])
                if value is not None and event.occurred_at > after and id(event) not in counting:
                    found.setdefault(id(event), (event, value))
        return sorted(found.values(), key=lambda each: _order(each[0]))

    def mistyped_about(self, trigger: CompiledTrigger) -> list[tuple[Event, object]]:
        """Return the events that a trigger is not about because of a value of a wrong type, in order, each with it."""
        on = trigger.definition.on
        if on is None:
            return []
        find = compile_mistyped_filters(on)
        found = ((event, find(self._parts[id(event)])) for event in self._called(on))
        return [(event, value) for event, value in found if value is not None]

    def value_of(self, event: Event, planned: Accumulator) -> object:
        """Return what an accumulator keeps of an event; None if it keeps no value."""
        read = compile_accumulator(planned).value
        return None if read is None else read(self._parts[id(event)])

    def sent_by(self, event: Event, path: Path) -> object:
        """Return the value that an identify call gives a trait; None if it does not."""
        if event.type != "identify":
            return None
        name, *rest = path
        return value_within(self._parts[id(event)].traits.get(name), rest)

    def _collected(self, accumulator: CompiledAccumulator) -> AnyState | None:
        state: AnyState | None = None
        for event in self._called(accumulator.planned.events):
            if self._counts(event, accumulator):
                state = state or accumulator.new_state()
                value = None if accumulator.value is None else accumulator.value(self._parts[id(event)])
                state.add(_order(event), value)
        if state is not None:
            state.trim(accumulator.planned, self._events_to)
        return state

    def _called(self, events: EventMatcher) -> Iterator[Event]:
        """Yield the events of the calls that are looked for, in order; what is wanted of their parts is left out."""
        indexes = (indexes for call, indexes in self._by_call.items() if _is_called(call, events))
        return (self.events[index] for index in sorted(chain.from_iterable(indexes)))

    def _counts(self, event: Event, accumulator: CompiledAccumulator) -> bool:
        parts = self._parts[id(event)]
        return accumulator.matches(parts) and (accumulator.value is None or accumulator.value(parts) is not None)


def _last_session(events: Sequence[Event]) -> SessionBounds | None:
    """Return the session of the newest of some events."""
    if not events:
        return None
    times = [event.occurred_at for event in reversed(events)]
    began_at = next((later for later, before in pairwise(times) if later - before >= SESSION_GAP_MS), times[-1])
    return SessionBounds(began_at, times[0] + SESSION_GAP_MS)


def _beginning_sessions(events: Sequence[Event]) -> list[Event]:
    later = (event for before, event in pairwise(events) if event.occurred_at - before.occurred_at >= SESSION_GAP_MS)
    return [*events[:1], *later]


def _is_called(called: tuple[str, str | None], events: EventMatcher) -> bool:
    event_type, name = called
    return not events.calls or any(
        call.type in {None, event_type} and call.name in {None, name} for call in events.calls
    )


def _order(event: Event) -> EventOrder:
    return EventOrder(event.occurred_at, event.ordinal, event.message_id)
