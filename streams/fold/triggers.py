"""Triggers: what is remembered of each, and whether one may fire; whether its condition holds is for the fold to say.

Two histories that become one fire nothing that one of them has fired: `unite` takes of each trigger the later state.
"""

from collections.abc import Callable
from typing import Self

import msgspec

from definitions import NEVER
from definitions.model import Trigger as Definition
from definitions.streaming.quiet_hours import quiet_until
from schemas.records import Event
from streams.fold.facet import Facet
from streams.fold.moment import Moment, TriggerDraft

Render = Callable[[], str]
"""Returns the payload of a trigger, as JSON text."""

_MAX_ZONE = 64


class Firing(msgspec.Struct, array_like=True, gc=False):
    """What is remembered of one trigger.

    `holds`: whether its condition does, of one without `on`. `fired_at`: the last time. `waits_until`: the end of the
    quiet hours that it waits for, to fire with `payload` because of `cause`.
    """

    holds: bool = False
    fired_at: int | None = None
    waits_until: int | None = None
    payload: str = ""
    cause: str = ""


class Zone(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The time zone that an event has named; the greatest is the latest."""

    occurred_at: int
    ordinal: int
    name: str


class Triggers(Facet):
    """What is remembered of each trigger, by its name, and the time zone that the person was last in."""

    firings: dict[str, Firing] = {}
    zone: Zone | None = None

    def unite(self, other: Self, moment: Moment) -> None:
        for name, firing in other.firings.items():
            known = self.firings.get(name)
            self.firings[name] = msgspec.structs.replace(firing) if known is None else _united(known, firing)
        if other.zone is not None and (self.zone is None or other.zone > self.zone):
            self.zone = other.zone

    def deadline(self, as_of: int) -> int:
        return min(
            (firing.waits_until for firing in self.firings.values() if firing.waits_until is not None), default=NEVER
        )

    def forget(self, moment: Moment) -> None:
        """Forget triggers that are no longer defined."""
        defined = {trigger.name for trigger in moment.context.program.triggers}
        self.firings = {name: firing for name, firing in self.firings.items() if name in defined}

    def locate(self, event: Event, zone: str) -> None:
        """Learn the time zone that an event has named."""
        named = Zone(event.occurred_at, event.ordinal, zone[:_MAX_ZONE])
        if self.zone is None or named > self.zone:
            self.zone = named

    def begins(self, name: str, holds: bool) -> bool:
        """Take note of whether a condition holds now, and return whether it did not before and does."""
        firing = self.firings.get(name)
        if firing is None:
            if not holds:
                return False  # as it is when nothing is known of it
            firing = self.firings[name] = Firing()
        had_held, firing.holds = firing.holds, holds
        if not holds:
            firing.waits_until = None
        return holds and not had_held

    def fire(
        self, trigger: Definition, at: int, session_started_at: int | None, render: Render, moment: Moment
    ) -> None:
        """Fire at a time (ms), unless the definition says not to, or not yet."""
        firing = self.firings.get(trigger.name)
        if firing is None:
            firing = self.firings[trigger.name] = Firing()
        if firing.waits_until is not None or _is_suppressed(trigger, firing, at, session_started_at):
            return
        quiet = trigger.quiet_hours
        ends_at = None if quiet is None else quiet_until(at, self.zone.name if self.zone else None, quiet)
        if ends_at is None or (ends_at <= moment.as_of and quiet is not None and not quiet.drops):
            fired_at = at if ends_at is None else ends_at
            firing.fired_at = fired_at if firing.fired_at is None else max(fired_at, firing.fired_at)
            moment.triggers.append(TriggerDraft(trigger.name, fired_at, moment.cause, render()))
        elif quiet is not None and not quiet.drops:
            firing.waits_until, firing.payload, firing.cause = ends_at, render(), moment.cause

    def release(self, moment: Moment) -> None:
        """Fire what has waited for the end of quiet hours; called once its conditions are those of the moment."""
        for name, firing in self.firings.items():
            if firing.waits_until is not None and firing.waits_until <= moment.as_of:
                firing.fired_at = firing.waits_until
                moment.triggers.append(TriggerDraft(name, firing.waits_until, firing.cause, firing.payload))
                firing.waits_until, firing.payload, firing.cause = None, "", ""


def _is_suppressed(trigger: Definition, firing: Firing, at: int, session_started_at: int | None) -> bool:
    if firing.fired_at is None:
        return False
    if trigger.once == "person":
        return True
    if trigger.once == "session" and session_started_at is not None and firing.fired_at >= session_started_at:
        return True
    return trigger.cool_down_ms is not None and abs(at - firing.fired_at) < trigger.cool_down_ms


def _united(left: Firing, right: Firing) -> Firing:
    fired = [at for at in (left.fired_at, right.fired_at) if at is not None]
    waiting = min(
        ((each.waits_until, each.cause, each.payload) for each in (left, right) if each.waits_until is not None),
        default=(None, "", ""),
    )
    waits_until, cause, payload = waiting
    return Firing(left.holds or right.holds, max(fired, default=None), waits_until, payload, cause)
