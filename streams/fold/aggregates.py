"""Aggregates: what is remembered of a profile's events for its definitions; what they make of it is `evaluation`'s."""

from collections.abc import Collection
from typing import Any, Self

from msgspec import Raw

from definitions import CompiledAccumulator
from definitions.streaming.accumulators import OpenParts
from definitions.streaming.states import AnyState, Calls, EventOrder, Newest, Times, decode_state
from schemas.records import Event
from streams.fold.facet import Facet
from streams.fold.moment import Moment


class Aggregates(Facet):
    """The states of accumulators by their keys."""

    states: dict[str, AnyState] = {}

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Add an event to the states of the accumulators that count it; return their keys."""
        changed: list[str] = []
        parts, stamp, as_of = OpenParts(event), event.definitions, moment.as_of
        order = EventOrder(event.occurred_at, event.ordinal, event.message_id)
        states = self.states
        for accumulator in moment.context.program.gates.of(event.type, event.event).passed(parts, moment.drop_mistyped):
            if stamp < accumulator.born:
                continue
            value = None
            if accumulator.value is not None:
                value = accumulator.value(parts)
                is_whole = value is not None and not isinstance(value, tuple)
                if not is_whole and accumulator.is_mistyped is not None and accumulator.is_mistyped(parts):
                    moment.drop_mistyped((accumulator.key,))
                if value is None:
                    continue
            key = accumulator.key
            state = states.get(key)
            if state is None:
                states[key] = state = accumulator.new_state()
            state.add(order, value)
            if not state.trim(accumulator.planned, as_of):
                del states[key]
            changed.append(key)
        return changed

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over what another profile's events have left; what is defined no more, or otherwise, goes."""
        own, self.states = self.states, {}
        for key, accumulator in moment.context.program.by_key.items():
            for state in (own.get(key), other.states.get(key)):
                if isinstance(state, accumulator.new_state):
                    self._take(accumulator, state, moment.as_of)

    def take(self, states: dict[str, Raw], moment: Moment) -> None:
        """Take over encoded states of other events, of what is defined."""
        by_key = moment.context.program.by_key
        for key, encoded in states.items():
            state, accumulator = decode_state(encoded), by_key.get(key)
            if accumulator is not None and isinstance(state, accumulator.new_state):
                self._take(accumulator, state, moment.as_of)

    def forget(self, moment: Moment) -> None:
        former, self.states = self.states, {}
        for key, accumulator in moment.context.program.by_key.items():
            state = former.get(key)
            if isinstance(state, accumulator.new_state):
                self._keep(accumulator, state, moment.as_of)

    def number(self, key: str) -> int:
        """Return how many events are remembered, or were counted, for counts and sequences."""
        state = self.states.get(key)
        if isinstance(state, Times):
            return len(state.times)
        if isinstance(state, Newest):
            return len(state.entries)
        return state.number if isinstance(state, Calls) else 0

    def _take(self, accumulator: CompiledAccumulator, added: Any, as_of: int) -> None:
        state: Any = self.states.get(accumulator.key) or accumulator.new_state()
        state.unite(added)
        self._keep(accumulator, state, as_of)

    def _keep(self, accumulator: CompiledAccumulator, state: AnyState, as_of: int) -> None:
        if state.trim(accumulator.planned, as_of):
            self.states[accumulator.key] = state
        else:
            self.states.pop(accumulator.key, None)
