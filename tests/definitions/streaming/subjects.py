"""A subject for tests of compiled definitions: states of given events, and whatever else is said of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from definitions import CompiledAccumulator, Program
from definitions.model import SessionName
from definitions.streaming.accumulators import OpenParts
from definitions.streaming.states import AnyState, EventOrder
from definitions.streaming.subject import SessionBounds
from schemas.consent import Answer, ConsentState, is_answer
from schemas.records import Event, Identifier
from tests.definitions.naive.lives import Happened
from tests.definitions.naive.sessions import GAP_MS


class Evaluated(NamedTuple):
    """An evaluation, by the names of its parts."""

    holds: bool
    until: int


def event_of(happened: Happened) -> Event:
    """The record of an event."""

    def text(value: Mapping[str, object]) -> str:
        return json.dumps(dict(value), ensure_ascii=False)

    return Event(
        "main",
        happened.source,
        happened.message_id,
        happened.type,  # type: ignore[arg-type]
        happened.name,
        happened.at,
        None,
        happened.at,
        (Identifier("user_id", "ann"), *(Identifier("anonymous_id", each) for each in happened.also)),
        text(happened.properties),
        text(happened.traits),
        text(happened.context),
        happened.ordinal,
    )


def counting(
    program: Program, event_type: str, name: str | None, properties: Mapping[str, object] = {}
) -> list[CompiledAccumulator]:
    """The accumulators that count an event."""
    parts = OpenParts(event_of(Happened(0, event_type, name, properties)))
    return program.gates.of(event_type, name).passed(parts, lambda _: None)


class Known:
    """What is known of a profile at `now`: no more than what accumulators promise to keep."""

    def __init__(  # noqa: PLR0913, PLR0917 - a test names the few that matter to it
        self,
        program: Program,
        happened: Sequence[Happened] = (),
        now: int = 0,
        traits: Mapping[str, object] = {},
        members: Sequence[str] = (),
        profile_id: str = "p",
        facts: Mapping[str, str] = {},
        consent: ConsentState = ConsentState(),  # noqa: B008 - frozen
    ) -> None:
        self.profile_id = profile_id
        self._states: dict[str, Any] = {}
        self._traits, self._members, self._facts = traits, members, facts
        self._consent, self._defaults = consent, program.consent.defaults
        self._times = sorted(event.at for event in happened if event.at <= now)
        for event in happened:
            if event.at <= now:
                self._add(program, event, now)

    def _add(self, program: Program, happened: Happened, now: int) -> None:
        payload = OpenParts(event_of(happened))
        for accumulator in program.gates.of(happened.type, happened.name).passed(payload, lambda _: None):
            value = accumulator.value(payload) if accumulator.value else None
            if value is not None or accumulator.value is None:
                state = self._states.setdefault(accumulator.key, accumulator.new_state())
                state.add(EventOrder(happened.at, happened.ordinal, happened.message_id), value)
                state.trim(accumulator.planned, now)

    def state(self, key: str) -> AnyState | None:
        state: AnyState | None = self._states.get(key)
        return state

    def trait(self, name: str) -> object:
        return self._traits.get(name)

    def mined(self, name: str) -> object:
        return self._traits.get(name)

    def is_member(self, segment: str) -> bool:
        return segment in self._members

    def session(self, now: int) -> SessionBounds | None:
        if not self._times or now >= self._times[-1] + GAP_MS:
            return None
        started_at = self._times[-1]
        for time in reversed(self._times):
            if started_at - time >= GAP_MS:
                break
            started_at = time
        return SessionBounds(started_at, self._times[-1] + GAP_MS)

    def fact(self, session: SessionName, fact: str, now: int) -> str | None:
        if session == "current" and self.session(now) is None:
            return None
        return self._facts.get(fact)

    def says(self, purpose: str, channel: str, answer: Answer) -> bool:
        return is_answer(answer, self._consent, purpose, channel, self._defaults)
