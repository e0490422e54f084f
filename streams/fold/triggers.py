"""Triggers: what is remembered of each, and whether one may fire; whether its condition holds is for the fold to say.

Two histories that become one fire nothing that one of them has fired: `unite` takes of each trigger what both have
remembered, and `drop_waits` gives up what waits and would not have waited in one history.
"""

from collections.abc import Callable
from heapq import nlargest
from itertools import islice
from typing import NamedTuple, Self

import msgspec

from definitions import NEVER
from definitions.model import Trigger as Definition
from definitions.streaming.quiet_hours import quiet_until
from schemas.records import Event
from streams.fold.facet import Facet
from streams.fold.moment import Moment, TriggerFiring

Render = Callable[[int], str]
"""Returns the payload of a trigger that fires at a time (ms), as JSON text."""

_MAX_ZONE = 64
_MAX_REMOVED = 100  # triggers that are defined no more; what is remembered of them counts when they are brought back
_MAX_REMEMBERED = 50  # times of one: all sessions of the last day, which are at least half an hour apart


class SessionOf(NamedTuple):
    """From when to when (ms, both included) the session lasts so far that a trigger is about."""

    started_at: int
    ended_at: int


class DelayedFiring(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """That a trigger waits for quiet hours or its cool-down to end, since the time of its cause; the least fires."""

    until: int
    since: int
    cause: str
    payload: str


class Firing(msgspec.Struct, array_like=True, gc=False):
    """What is remembered of one trigger.

    `holds`: whether its condition does, of one without `on`. `fired_at`: the last time. `waits`: what it fires when
    quiet hours or its cool-down end, at most one but for a moment while two histories become one. `in_sessions`, of one
    that fires once in a session: times in the newest sessions in which it fired. (A session may turn out to begin
    earlier, or become one with another.) `cools_after`, of one that cools down: the newest times at which it fired, and
    the last one that was noted, however old: what comes late comes together.
    """

    holds: bool = False
    fired_at: int | None = None
    waits: tuple[DelayedFiring, ...] = ()
    in_sessions: tuple[int, ...] = ()
    cools_after: tuple[int, ...] = ()

    def note(self, trigger: Definition, at: int, fired_at: int) -> None:
        """Remember that it fired at a time, because of what was at a time."""
        self.fired_at = fired_at if self.fired_at is None else max(fired_at, self.fired_at)
        if trigger.once == "session":
            self.in_sessions = _newest((*self.in_sessions, at))
        if trigger.cool_down_ms is not None:
            self.cools_after = _newest((*_newest(self.cools_after, _MAX_REMEMBERED - 1), fired_at))


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
        if not self.firings:
            return NEVER
        return min((wait.until for firing in self.firings.values() for wait in firing.waits), default=NEVER)

    def forget(self, moment: Moment) -> None:
        """Forget of triggers that are no longer defined all but when the newest fired: one may be brought back."""
        if not self.firings:
            return  # nearly everybody, and a walk meets them all
        defined = {trigger.name for trigger in moment.context.program.triggers}
        removed = ((name, firing) for name, firing in self.past().firings.items() if name not in defined)
        kept = dict(nlargest(_MAX_REMOVED, removed, key=lambda each: (each[1].fired_at or 0, each[0])))
        self.firings = {name: firing for name, firing in self.firings.items() if name in defined} | kept

    def locate(self, event: Event, zone: str) -> None:
        """Learn the time zone that an event has named."""
        named = Zone(event.occurred_at, event.ordinal, zone[:_MAX_ZONE])
        if self.zone is None or named > self.zone:
            self.zone = named

    def outlast(self) -> Self:
        """Keep all: what has fired does not fire again, and what waits still may."""
        return self

    def past(self) -> Self:
        """Return when each has fired; not what holds or waits, which follows from the events."""
        return type(self)(
            {
                name: Firing(fired_at=firing.fired_at, in_sessions=firing.in_sessions, cools_after=firing.cools_after)
                for name, firing in self.firings.items()
                if firing.fired_at is not None
            }
        )

    def waiting(self) -> dict[str, int]:
        """Return until when triggers wait, by name."""
        return {name: wait.until for name, firing in self.firings.items() for wait in firing.waits}

    def begins(self, name: str, holds: bool) -> bool:
        """Take note of whether a condition holds now, and return whether it did not before and does."""
        firing = self.firings.get(name)
        if firing is None:
            if not holds:
                return False  # as it is when nothing is known of it
            firing = self.firings[name] = Firing()
        had_held, firing.holds = firing.holds, holds
        if not holds:
            firing.waits = ()
        return holds and not had_held

    def fire(self, trigger: Definition, at: int, session: SessionOf, render: Render, moment: Moment) -> None:
        """Fire at a time (ms) in a session, unless the definition says not to, or not yet."""
        firing = self.firings.get(trigger.name)
        if firing is None:
            firing = self.firings[trigger.name] = Firing()
        if firing.waits or _is_over(trigger, firing, session):
            return
        fires_at = self._loud_at(trigger, _cooled_at(trigger, firing, at, at))
        if fires_at == NEVER:
            return
        past = moment.context.known_past
        if past is not None and past.has_decided(trigger.name, at, fires_at, moment.cause):
            return
        if fires_at <= max(at, moment.as_of):
            firing.note(trigger, at, fires_at)
            moment.triggers.append(TriggerFiring(trigger.name, fires_at, moment.cause, render(fires_at)))
        else:
            firing.waits = (DelayedFiring(fires_at, at, moment.cause, render(fires_at)),)

    def _loud_at(self, trigger: Definition, at: int) -> int:
        """Return when quiet hours let it fire: at a time, or when they end; NEVER if they drop it."""
        quiet = trigger.quiet_hours
        if quiet is None or at == NEVER:
            return at
        ends_at = quiet_until(at, self.zone.name if self.zone else None, quiet)
        if ends_at is None:
            return at
        return NEVER if quiet.drops else ends_at

    def drop_waits(self, trigger: Definition, session_of: Callable[[int], SessionOf]) -> None:
        """Let wait of what has waited in two histories the first that would have waited in one; called after `unite`.

        `session_of`: the session that a time of a cause lies in.
        """
        firing = self.firings.get(trigger.name)
        if firing is not None and firing.waits:
            waits = (
                msgspec.structs.replace(each, until=until)
                for each in firing.waits
                if not _is_over(trigger, firing, session_of(each.since))
                and (until := self._waits_until(trigger, firing, each)) != NEVER
            )
            firing.waits = tuple(islice(sorted(waits), 1))

    def _waits_until(self, trigger: Definition, firing: Firing, wait: DelayedFiring) -> int:
        """Return until when it waits, knowing more of what it has fired; NEVER if it would not have waited."""
        if _cooled_at(trigger, firing, wait.since, wait.since) == NEVER:
            return NEVER
        cooled_at = _cooled_at(trigger, firing, wait.since, wait.until) if trigger.on is None else wait.until
        return wait.until if cooled_at == wait.until else self._loud_at(trigger, cooled_at)

    def release(self, moment: Moment) -> None:
        """Fire what has waited long enough; called once its conditions are those of the moment."""
        due = {name for name, firing in self.firings.items() if firing.waits and firing.waits[0].until <= moment.as_of}
        for trigger in moment.context.program.triggers if due else ():
            if trigger.name in due:
                firing = self.firings[trigger.name]
                wait, firing.waits = firing.waits[0], ()
                firing.note(trigger.definition, wait.since, wait.until)
                moment.triggers.append(TriggerFiring(trigger.name, wait.until, wait.cause, wait.payload))


def _is_over(trigger: Definition, firing: Firing, session: SessionOf) -> bool:
    """Whether it has fired as often as it may."""
    if firing.fired_at is None:
        return False
    if trigger.once == "person":
        return True
    return trigger.once == "session" and any(
        session.started_at <= each <= session.ended_at for each in firing.in_sessions
    )


def _cooled_at(trigger: Definition, firing: Firing, since: int, at: int) -> int:
    """When it may fire at a time, or next, because of what was at `since`; NEVER if that is a part of another firing.

    A condition that begins within the cool-down may last beyond it, an event does not: nothing is waited for.
    """
    cool_down_ms = trigger.cool_down_ms
    if cool_down_ms is None or firing.fired_at is None:
        return at
    near = [each for each in (firing.fired_at, *firing.cools_after) if abs(at - each) < cool_down_ms]
    if not near:
        return at
    return NEVER if trigger.on is not None or max(near) >= since else max(near) + cool_down_ms


def _united(left: Firing, right: Firing) -> Firing:
    fired = [at for at in (left.fired_at, right.fired_at) if at is not None]
    return Firing(
        left.holds or right.holds,
        max(fired, default=None),
        tuple(sorted({*left.waits, *right.waits})),
        _newest((*left.in_sessions, *right.in_sessions)),
        _newest((*left.cools_after, *right.cools_after)),
    )


def _newest(times: tuple[int, ...], number: int = _MAX_REMEMBERED) -> tuple[int, ...]:
    return tuple(sorted(set(times))[-number:])
