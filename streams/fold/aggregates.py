"""Aggregates: what is remembered of a profile's events for its definitions; what they make of it is `evaluation`'s."""

from collections.abc import Collection
from typing import Any, Self

import msgspec

from definitions import CompiledAccumulator
from definitions.streaming.accumulators import OpenParts
from definitions.streaming.states import AnyState, Calls, EventOrder, Newest, Times, decode_state
from schemas.records import Event
from streams.fold.facet import Facet
from streams.fold.moment import Moment


class Aggregates(Facet):
    """The states of accumulators by their keys.

    A state that was read from the store stays as its bytes until it is asked for.
    """

    states: dict[str, msgspec.Raw] = {}

    def add(self, event: Event, moment: Moment) -> Collection[str]:
        """Add an event to the states of the accumulators that count it; return their keys."""
        changed: list[str] = []
        parts = OpenParts(event)
        order = EventOrder(event.occurred_at, event.ordinal, event.message_id)
        for accumulator in moment.context.program.gate(event.type, event.event).passed(parts, moment.drop_mistyped):
            if event.definitions < accumulator.born:
                continue
            value = None
            if accumulator.value is not None:
                value = accumulator.value(parts)
                is_whole = value is not None and not isinstance(value, tuple)
                if not is_whole and accumulator.is_mistyped is not None and accumulator.is_mistyped(parts):
                    moment.drop_mistyped((accumulator.key,))
                if value is None:
                    continue
            state = self.state(accumulator.key) or accumulator.new_state()
            state.add(order, value)
            self._keep(accumulator, state, moment.as_of)
            changed.append(accumulator.key)
        return changed

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over what another profile's events have left; what is defined no more, or otherwise, goes."""
        former, self.states = self.states, {}
        own = Aggregates(former)
        for key, accumulator in moment.context.program.by_key.items():
            for state in (own.state(key), other.state(key)):
                if isinstance(state, accumulator.new_state):
                    self._take(accumulator, state, moment.as_of)

    def take(self, states: dict[str, msgspec.Raw], moment: Moment) -> None:
        """Take over encoded states of other events, of what is defined."""
        added, by_key = Aggregates(states), moment.context.program.by_key
        for key in states:
            state, accumulator = added.state(key), by_key.get(key)
            if accumulator is not None and isinstance(state, accumulator.new_state):
                self._take(accumulator, state, moment.as_of)

    def forget(self, moment: Moment) -> None:
        former, self.states = Aggregates(self.states), {}
        for key, accumulator in moment.context.program.by_key.items():
            state = former.state(key)
            if isinstance(state, accumulator.new_state):
                self._keep(accumulator, state, moment.as_of)

    def state(self, key: str) -> AnyState | None:
        """Return the state of an accumulator; None if it has seen no event."""
        states: dict[str, Any] = self.states
        state: AnyState | msgspec.Raw | None = states.get(key)
        if isinstance(state, msgspec.Raw):
            states[key] = state = decode_state(state)
        return state

    def number(self, key: str) -> int:
        """Return how many events are remembered, or were counted, for counts and sequences."""
        state = self.state(key)
        if isinstance(state, Times):
            return len(state.times)
        if isinstance(state, Newest):
            return len(state.entries)
        return state.number if isinstance(state, Calls) else 0

    def _take(self, accumulator: CompiledAccumulator, added: Any, as_of: int) -> None:
        state: Any = self.state(accumulator.key) or accumulator.new_state()
        state.unite(added)
        self._keep(accumulator, state, as_of)

    def _keep(self, accumulator: CompiledAccumulator, state: AnyState, as_of: int) -> None:
        state.trim(accumulator.planned, as_of)
        if state.is_empty:
            self.states.pop(accumulator.key, None)
        else:
            states: dict[str, Any] = self.states
            states[accumulator.key] = state

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Whether both know the same, read already or not."""
        if not isinstance(other, Aggregates) or self.states.keys() != other.states.keys():
            return False
        return all(self.state(key) == other.state(key) for key in self.states)
