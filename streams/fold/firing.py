"""Fires triggers: those about an event that was folded, and those whose condition begins to hold."""

from functools import partial

import msgspec

from definitions import CompiledTrigger
from definitions.streaming.accumulators import OpenParts
from definitions.streaming.times import text_of
from schemas.records import Event
from streams.fold.moment import DEFINITION, Moment
from streams.fold.payload import timezone_of
from streams.fold.state import ProfileState
from streams.fold.subject import ProfileSubject
from streams.fold.triggers import SessionOf

_encode = msgspec.json.Encoder().encode


def locate(state: ProfileState, event: Event, moment: Moment) -> None:
    """Learn in which time zone the person is, if anything depends on it."""
    if moment.context.program.needs_zones and (zone := timezone_of(event)):
        state.triggers.locate(event, zone)


def fire_on(state: ProfileState, event: Event, moment: Moment) -> None:
    """Fire the triggers about an event, once everything is evaluated with it."""
    triggers = moment.context.program.triggers_on(event.type, event.event)
    if not triggers:
        return
    parts, subject = OpenParts(event), ProfileSubject(state, moment.context)
    for trigger in triggers:
        if not trigger.matches(parts):
            if trigger.is_mistyped(parts):
                moment.drop_mistyped((trigger.changes,))
        elif trigger.evaluate(subject, moment.as_of)[0]:
            _fire(state, trigger, event.occurred_at, moment, event, parts)


def begin(state: ProfileState, trigger: CompiledTrigger, holds: bool, moment: Moment) -> None:
    """Fire a trigger if its condition begins to hold, though not because it is defined anew."""
    if state.triggers.begins(trigger.name, holds) and moment.cause != DEFINITION:
        _fire(state, trigger, moment.as_of, moment)


def drop_waits(state: ProfileState, moment: Moment) -> None:
    """Give up what waits and would not in the one history that two have become."""
    if not state.triggers.firings:
        return
    for trigger in moment.context.program.triggers:
        of_event = trigger.definition.on is not None
        state.triggers.drop_waits(trigger.definition, partial(_session_of, state, of_event=of_event))


def _fire(  # noqa: PLR0913, PLR0917 - who, what, when, and because of which event
    state: ProfileState,
    trigger: CompiledTrigger,
    at: int,
    moment: Moment,
    event: Event | None = None,
    parts: OpenParts | None = None,
) -> None:
    session = _session_of(state, at, of_event=event is not None)

    def render(fired_at: int) -> str:
        if trigger.render is None:
            return "{}"
        fields = _fields(state, trigger, fired_at, moment)
        if event is not None and parts is not None:
            fields["event"] = {
                "name": event.event or "",
                "type": event.type,
                "occurred_at": text_of(event.occurred_at),
                "properties": parts.properties,
            }
        texts = trigger.render(fields)
        moment.miss_texts(trigger.name, len(trigger.definition.payload) - len(texts))
        return _encode(texts).decode()

    state.triggers.fire(trigger.definition, at, session, render, moment)


def _session_of(state: ProfileState, at: int, of_event: bool) -> SessionOf:
    """The session of an event, or the last one that began before a time; a very late event is one of its own."""
    for span in reversed(state.sessions.spans):
        if span.started_at <= at:
            if not of_event or at <= span.ended_at:
                return SessionOf(span.started_at, max(at, span.ended_at))
            break
    return SessionOf(at, at)


def _fields(
    state: ProfileState, trigger: CompiledTrigger, fired_at: int, moment: Moment
) -> dict[str, dict[str, object]]:
    context = moment.context
    traits = state.traits.shown(context.program.defaults) | state.computed.texts
    identifiers: dict[str, list[str]] = {}
    for identifier in state.identifiers.listed():
        identifiers.setdefault(identifier.namespace, []).append(identifier.value)
    return {
        "profile": {
            "id": context.profile_id,
            "traits": {name: msgspec.json.decode(text) for name, text in traits.items()},
            "identifiers": identifiers,
            "segments": sorted(state.memberships.entered_at),
        },
        "trigger": {"name": trigger.name, "fired_at": text_of(fired_at)},
    }
