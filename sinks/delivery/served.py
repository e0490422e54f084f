"""The destinations that this process serves: opened as they are defined now, with their limits."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Set
from functools import cached_property

from definitions.addresses import may_name_another
from definitions.compiled_mapping import FieldsOf, compile_mapping
from definitions.destinations import Destination
from definitions.mapping import fingerprint
from runtime.clock import now_ms
from schemas.attempts import Whose
from schemas.consent import Default
from schemas.delivery_control import Resumed, Suspended, Unopened
from schemas.topics import activation
from sinks.delivery import metrics
from sinks.delivery.outlet import Outlet
from sinks.destinations.contract import OpenDestination, Working
from sinks.destinations.opening import NoReceiver
from sinks.destinations.secrets import BadOption, SecretFiles

log = logging.getLogger(__name__)

OPEN_AGAIN_S = 60.0

Open = Callable[[Destination], OpenDestination]


class Addressee:
    """One destination by one definition, open or not: what comes for it is kept all the same."""

    def __init__(self, definition: Destination) -> None:
        self.name = definition.name
        self.kept_as = definition.kept_as
        self.definition = definition
        self.mapping = fingerprint(definition.mapping)
        self.whose = Whose(definition.name, definition.kept_as, self.mapping)
        self.holds = definition.holds
        concerns_others = may_name_another(definition) or definition.checks.not_older_than_ms is not None
        self.has_exits_followed = self.holds == "states" and concerns_others
        """Whether by an exit another profile may be missing, as it is taken out or was too late: it is to say then that
        it is in."""


class Served(Addressee):
    """One destination, opened for one definition. It is closed once nobody sends by it and another has replaced it."""

    def __init__(
        self,
        definition: Destination,
        opened: OpenDestination,
        outlet: Outlet,
        cap_window_ms: int,
        consents: Mapping[str, Default],
    ) -> None:
        super().__init__(definition)
        self.opened = opened
        self.outlet = outlet
        self.cap_window_ms = cap_window_ms
        """How far back any destination of its channel looks at what a person was sent."""
        self.consents = consents
        """By purpose that is defined, what holds of whoever has said nothing."""
        self.secrets = SecretFiles(definition.receiver)
        self.opened_at = time.monotonic()
        self.unexpected: set[str] = set()
        """Types of errors that sending has raised: each is logged once."""

    @cached_property
    def fields_of(self) -> FieldsOf:
        """The mapping, compiled for the first delivery: templates take a quarter of a second to import."""
        return compile_mapping(self.definition.mapping)


class Destinations:
    """Those that are defined, by name. For the event loop; `freed` hears of each that may be sent more again."""

    def __init__(self, open_destination: Open, freed: Callable[[str], None]) -> None:
        self._open_destination = open_destination
        self._freed = freed
        self._defined: Mapping[str, Destination] = {}
        self._names: Mapping[str, str] = {}  # by each name that a destination has or has had, the one of now
        self._addressees: Mapping[str, Addressee] = {}
        self._served: dict[str, Served] = {}
        self._outlets: dict[str, Outlet] = {}
        self._failed_at: dict[str, float] = {}
        self._unopened: dict[str, Unopened] = {}
        self._replaced: list[Served] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._share = 1.0
        self._consents: Mapping[str, Default] = {}
        self._cap_windows_ms: Mapping[str, int] = {}  # by channel

    def define(self, definitions: Iterable[Destination], consents: Mapping[str, Default]) -> None:
        """Serve exactly those that have a receiver, as they are defined now; `consents`: the purposes' defaults."""
        self._consents = consents
        self._defined = {each.name: each for each in definitions if each.receiver is not None}
        self._addressees = {name: Addressee(each) for name, each in self._defined.items()}
        self._cap_windows_ms = _cap_windows_ms(self._defined.values())
        for served in self._served.values():
            served.consents = consents
            served.cap_window_ms = self._cap_windows_ms.get(served.definition.reached_by, 0)
        self._names = {former: each.name for each in self._defined.values() for former in each.names}
        self._failed_at.clear()
        for name in self._served.keys() - self._defined.keys():
            self._replaced.append(self._served.pop(name))
            log.info("%s: is not defined any more", name)
        for name in self._outlets.keys() - self._defined.keys():
            del self._outlets[name]
            self._unopened.pop(name, None)
        self._open()

    def pause(self, names: Iterable[str]) -> None:
        """Pause exactly these, as an operator wants it, under whatever name they were paused."""
        paused = {self._names.get(name, name) for name in names}
        for name, outlet in self._outlets.items():
            if outlet.is_paused != (name in paused):
                outlet.is_paused = name in paused
                log.info("%s: an operator has %s it", name, "paused" if outlet.is_paused else "resumed")
                self._freed(name)

    def resume(self, resumed: Mapping[str, Resumed]) -> None:
        """Try those at once that an operator has resumed since the last call, under whatever name."""
        for each in resumed.values():
            name = self.name_of(each.destination)
            outlet = self._outlets.get(name)
            if outlet is not None and each.resumed_at > outlet.resumed_at:
                outlet.resume(each.resumed_at)
                self._freed(name)

    def share(self, share: float) -> None:
        """Take this part of the rates."""
        self._share = share
        for name, definition in self._defined.items():
            if name in self._outlets:
                self._outlets[name].limit(definition.pace, share)

    async def tend(self) -> None:
        """Open what could not be opened, is not accepted or has other secrets; begin to close what nobody sends by.

        To be called every second or so. A receiver that takes its time to say good-bye holds up no other.
        """
        self._open()
        metrics.note_outlets(self._outlets)
        for served in [each for each in self._replaced if not each.outlet.sends_by(each.opened)]:
            self._replaced.remove(served)
            closing = asyncio.create_task(_close(served))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all; nobody sends any more."""
        await asyncio.gather(*map(_close, [*self._served.values(), *self._replaced]), *self._closing)

    def addressee(self, name: str) -> Addressee | None:
        """Return a destination by any of its names, open or not; None if it is not defined."""
        return self._addressees.get(self.name_of(name))

    def names(self) -> tuple[str, ...]:
        """Return all names that those which are defined have, or had."""
        return tuple(self._names)

    def name_of(self, name: str) -> str:
        """Return what a destination is called now that has, or had, a name; of one that is gone, the name."""
        return self._names.get(name, name)

    def all(self) -> tuple[Served, ...]:
        """Return those that are open."""
        return tuple(self._served.values())

    def unsendable(self, now: int) -> Set[str]:
        """Return the topics of those that can be sent nothing now."""
        ready = {name for name in self._served if self._outlets[name].is_open(now)}
        return {activation(name) for name, of_now in self._names.items() if of_now not in ready}

    def unopened(self) -> Mapping[str, Unopened]:
        """Return those that are defined and cannot be opened, by name."""
        return dict(self._unopened)

    def suspended(self) -> Mapping[str, Suspended]:
        """Return those that are open and do not accept their credentials, by name."""
        refused = {name: each for name, each in self._outlets.items() if each.unauthorised}
        return {
            name: Suspended(name, each.unauthorised_since, each.unauthorised)
            for name, each in refused.items()
            if name not in self._unopened
        }

    def is_over(self, suspended: Suspended) -> bool:
        """Return whether it is known here that what some process has said of a destination holds no more."""
        name = suspended.destination
        if name not in self._defined or name in self._unopened:
            return True
        return name in self._outlets and self._outlets[name].accepted_at > suspended.since

    def is_defined(self, name: str) -> bool:
        """Return whether there is a destination that has, or had, a name, open or not."""
        return name in self._names

    def _open(self) -> None:
        for name, definition in self._defined.items():
            served = self._served.get(name)
            if served is None or served.definition != definition or _is_to_be_reopened(served):
                self._open_one(name, definition)

    def _open_one(self, name: str, definition: Destination) -> None:
        if time.monotonic() - self._failed_at.get(name, -OPEN_AGAIN_S) < OPEN_AGAIN_S:
            return
        outlet = self._outlets.setdefault(name, Outlet(definition.pace, lambda: self._freed(name)))
        outlet.limit(definition.pace, self._share)
        secrets = SecretFiles(definition.receiver)  # before they are read: a change in between is seen
        try:
            opened = self._open_destination(definition)
        except Exception as error:  # noqa: BLE001 - the kind's boundary: one destination must not stop the others
            # The text of an error that is none of ours may hold a secret.
            is_ours = isinstance(error, BadOption | NoReceiver)
            self._not_opened(name, str(error) if is_ours else f"opening it failed: {type(error).__name__}")
            return
        outlet.bound(definition.pace, opened.batching)
        self._failed_at.pop(name, None)
        if self._unopened.pop(name, None) is not None:
            outlet.lift()
        if name in self._served:
            self._replaced.append(self._served[name])
        window_ms = self._cap_windows_ms.get(definition.reached_by, 0)
        self._served[name] = Served(definition, opened, outlet, window_ms, self._consents)
        self._served[name].secrets = secrets
        if isinstance(opened, Working):
            opened.start()
        self._freed(name)

    def _not_opened(self, name: str, reason: str) -> None:
        log.error("%s cannot be opened, its deliveries wait: %s", name, reason)
        self._failed_at[name] = time.monotonic()
        if name in self._served:
            self._replaced.append(self._served.pop(name))
        now, before = now_ms(), self._unopened.get(name)
        self._outlets[name].suspend(reason, now)
        if before is None or before.reason != reason:
            self._unopened[name] = Unopened(name, now, reason)


async def _close(served: Served) -> None:
    try:
        await served.opened.close()
    except Exception as error:  # noqa: BLE001 - the kind's boundary: one destination must not stop the others
        log.error("%s: closing it failed: %s", served.name, type(error).__name__)


def _is_to_be_reopened(served: Served) -> bool:
    """Return whether its secrets have changed, or may have: they are read when it is opened."""
    if served.secrets.have_changed():
        log.info("%s: a file with a secret has changed: it is opened anew", served.name)
        return True
    return bool(served.outlet.unauthorised) and time.monotonic() - served.opened_at > OPEN_AGAIN_S


def _cap_windows_ms(definitions: Iterable[Destination]) -> dict[str, int]:
    """Return by channel how far back any of its destinations looks at what a person was sent."""
    windows: dict[str, int] = {}
    for each in definitions:
        for cap in each.checks.caps:
            windows[each.reached_by] = max(windows.get(each.reached_by, 0), cap.within_ms)
    return windows
