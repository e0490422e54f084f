"""Why a trigger fired or did not: what became of the events it is about, or of the beginning of its condition.

The past of a profile is evaluated once more, as far as its events show it; what fired is what was published.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from definitions.explaining.explain import EVENTS_SHOWN, MISTYPED_SHOWN, ShownEvent, shown_event
from definitions.explaining.lasting import lasting
from definitions.explaining.past import PastProfile
from definitions.explaining.wording import duration, limits_in_words, trigger_in_words
from definitions.model import Trigger
from definitions.streaming.accumulators import OpenParts
from definitions.streaming.quiet_hours import quiet_until
from definitions.streaming.times import text_of, time_of
from definitions.streaming.triggers import CompiledTrigger
from definitions.templates import Payload, names_below
from schemas.records import Event

_WAITS = "waits for the end of quiet hours"
LOOKED_BACK = 50
"""Times of events at which a condition is evaluated to find since when it holds."""


class PublishedFiring(NamedTuple):
    """When (ms) a trigger fired, and because of which message, if of any."""

    fired_at: int
    cause: str


class Occasion(msgspec.Struct, frozen=True):
    """A time at which a trigger might have fired, and what became of it. `event`: the one that it is about, if any."""

    at: str | None
    outcome: str
    event: ShownEvent | None = None


class ExplainedTrigger(msgspec.Struct, frozen=True):
    """When a trigger fires, in words, what limits it, and its newest occasions, newest first.

    `mistyped`: the newest events that it is not about because of the type of the value shown; of `mistyped_counted`.
    """

    says: str
    limits: tuple[str, ...] = ()
    occasions: tuple[Occasion, ...] = ()
    mistyped: tuple[ShownEvent, ...] = ()
    mistyped_counted: int = 0


class _Known(NamedTuple):
    """What outcomes depend on. `applied_at`: since when (ms, by the system's clock) the trigger has been what it is."""

    trigger: Trigger
    past: PastProfile
    fired: Sequence[PublishedFiring]
    applied_at: int


def explain_trigger(
    trigger: Trigger, past: PastProfile, fired: Sequence[PublishedFiring], applied_at: int
) -> ExplainedTrigger:
    """Explain a trigger; `fired`: its last firings for this profile."""
    compiled = next(each for each in past.program.triggers if each.name == trigger.name)
    known = _Known(trigger, past, fired, applied_at)
    occasions = _beginning(compiled, known) if trigger.on is None else _of_events(compiled, known)
    mistyped = past.mistyped_about(compiled)
    return ExplainedTrigger(
        trigger_in_words(trigger),
        tuple(limits_in_words(trigger)),
        occasions,
        tuple(shown_event(event, value) for event, value in mistyped[-MISTYPED_SHOWN:][::-1]),
        len(mistyped),
    )


def missing_texts(
    trigger: Trigger, payload: Mapping[str, object], event: Event | None, past: PastProfile
) -> dict[str, str]:
    """Return why a payload that was published lacks texts, by key: each template is rendered once more.

    Of what may have been otherwise at that time (identifiers, segments) nothing is known here.
    """
    missing = [(key, text) for key, text in trigger.payload if key not in payload]
    if not missing:
        return {}
    names = {name for _, text in missing for name, _ in names_below(text, "profile", "traits")}
    fields: dict[str, dict[str, object]] = {"profile": {"traits": {name: past.trait(name) for name in names}}}
    if event is not None:
        name, properties = event.event or "", OpenParts(event).properties
        fields["event"] = {"name": name, "type": event.type, "properties": properties}
    failures = Payload(tuple(missing)).failures(fields)
    return {key: failures.get(key, "its template failed on what was known then") for key, _ in missing}


def _of_events(compiled: CompiledTrigger, known: _Known) -> tuple[Occasion, ...]:
    occasions: list[Occasion] = []
    waiting = set[str]()
    for event in known.past.about(compiled)[-EVENTS_SHOWN:]:
        outcome = _outcome_of(event, compiled, known)
        shown = f"one before it {outcome}" if outcome in waiting else outcome
        occasions.append(Occasion(text_of(event.occurred_at), shown, shown_event(event)))
        if outcome.startswith(_WAITS):
            waiting.add(outcome)
    return tuple(occasions[::-1])


def _outcome_of(event: Event, compiled: CompiledTrigger, known: _Known) -> str:
    at = event.occurred_at
    own = next((firing for firing in known.fired if firing.cause == event.message_id), None)
    if own is not None:
        return "fired" if own.fired_at == at else f"fired at {text_of(own.fired_at)}, when quiet hours ended"
    if event.received_at < known.applied_at:
        return f"came before the trigger was applied at {text_of(known.applied_at)}"
    if known.trigger.when is not None and not compiled.evaluate(known.past.earlier(at), at)[0]:
        return "its condition did not hold then"
    return _held_back(at, known)


def _beginning(compiled: CompiledTrigger, known: _Known) -> tuple[Occasion, ...]:
    """Return since when the condition holds, and whether that made the trigger fire; nothing while it does not hold."""
    beginning = _began_at(compiled, known.past)
    if beginning is None:
        return ()
    began_at, is_found = beginning
    before = [event for event in known.past.events if event.occurred_at <= began_at]
    own = next((firing for firing in known.fired[::-1] if firing.fired_at >= began_at), None)
    # On the event clock a past time may become known only now.
    if own is not None:
        outcome = f"fired at {text_of(own.fired_at)}"
    elif max([began_at, *(event.received_at for event in before[-1:])]) < known.applied_at:
        outcome = f"held already when the trigger was applied at {text_of(known.applied_at)}: it has to begin to hold"
    elif not is_found:
        outcome = "or longer: no event before that is looked at"
        if known.fired:
            outcome = f"or longer; it fired last at {text_of(known.fired[0].fired_at)}"
    else:
        outcome = _held_back(began_at, known)
    return (Occasion(text_of(began_at), outcome),)


def _began_at(compiled: CompiledTrigger, past: PastProfile) -> tuple[int, bool] | None:
    """Return since when the condition holds, or False and since when it has for so many events; None if it does not."""
    if not compiled.evaluate(past, past.now)[0]:
        return None
    began_at, times = past.now, sorted({event.occurred_at for event in past.events}, reverse=True)
    for at in times[:LOOKED_BACK]:
        then = past.earlier(at)
        if not compiled.evaluate(then, at)[0]:
            changes_at = time_of(lasting(lambda subject: compiled.evaluate(subject, subject.now), then).until)
            return began_at if changes_at is None else min(changes_at, began_at), True
        began_at = at
    return began_at, len(times) <= LOOKED_BACK


def _held_back(at: int, known: _Known) -> str:
    """Say what keeps a trigger from firing at a time at which it would."""
    suppressed = _over(at, known) or _cooling(at, known)
    return suppressed or _quiet(at, known) or "nothing is published of it so far"


def _over(at: int, known: _Known) -> str | None:
    trigger, fired = known.trigger, known.fired
    if trigger.once == "person" and fired:
        return f"fires once for a person, and did at {text_of(fired[0].fired_at)}"
    if trigger.once == "session":
        session = known.past.earlier(at).session(at)
        began_at = at if session is None else session.started_at
        same = next((firing for firing in fired if began_at <= firing.fired_at <= at), None)
        if same is not None:
            return f"fires once in a session, and did at {text_of(same.fired_at)}"
    return None


def _cooling(at: int, known: _Known) -> str | None:
    """Say what fired too near to a time; of a condition that lasts, until when it waits for that."""
    trigger, cool_down_ms = known.trigger, known.trigger.cool_down_ms or 0
    near = [firing.fired_at for firing in known.fired if abs(at - firing.fired_at) < cool_down_ms]
    if not near:
        return None
    within = f"within {duration(cool_down_ms)} of its firing at {text_of(max(near))}"
    if trigger.on is not None or max(near) >= at:
        return within
    cooled_at = max(near) + cool_down_ms
    later = _quiet(cooled_at, known)
    if later is None and cooled_at > known.past.now:
        later = f"waits until {text_of(cooled_at)}"
    return f"{within}; {later or 'nothing is published of it so far'}"


def _quiet(at: int, known: _Known) -> str | None:
    quiet = known.trigger.quiet_hours
    ends_at = None if quiet is None else quiet_until(at, known.past.earlier(at).zone(), quiet)
    if quiet is None or ends_at is None:
        return None
    if quiet.drops:
        return f"dropped: quiet hours until {text_of(ends_at)}"
    if ends_at > known.past.now:
        return f"{_WAITS} at {text_of(ends_at)}"
    if any(firing.fired_at == ends_at for firing in known.fired):
        return f"fired once at {text_of(ends_at)}, when quiet hours ended"
    return f"quiet hours ended at {text_of(ends_at)}; nothing is published of it so far"
