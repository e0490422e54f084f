"""Which values of a trigger across persons fire at which ticks, and what is remembered between them (decision 0041)."""

import hashlib
from collections.abc import Mapping
from heapq import nsmallest
from typing import NamedTuple

import msgspec

from definitions.across.grid import at_or_after, tick_ms
from definitions.across.numbers import RunningNumbers, Spans, Usuals
from definitions.model import AcrossTrigger

MOST_VALUES = 1_000
"""Of more values that reach `at_least` at a tick the largest numbers count."""
MOST_FIRED = 10_000
"""Of more values within their cool-down those that fired last are remembered: what is remembered is one record."""


class Holding(msgspec.Struct, frozen=True):
    """The condition holds for a value since a tick (ms). `is_done`: it has fired, or never shall because of it."""

    since: int
    is_done: bool


class Memory(msgspec.Struct, frozen=True):
    """What is remembered of a trigger in a workspace, by the key of a value (`key_of`).

    `meaning`: of the trigger that it is of. `evaluated_to`: the last tick. `fired`: the last tick at which a value
    fired, as long as its cool-down lasts, in the order of ticks; at most `MOST_FIRED`.
    """

    meaning: str
    evaluated_to: int
    holding: Mapping[str, Holding] = {}
    fired: Mapping[str, int] = {}


class AcrossFiring(NamedTuple):
    """A value for which a trigger fires at a tick; `usual` is None where it does not matter, or there is none."""

    value: str
    tick: int
    number: int
    usual: float | None


class Course(NamedTuple):
    """What fires, in the order of ticks and values, and what is to be remembered."""

    firings: tuple[AcrossFiring, ...]
    memory: Memory


def meaning_of(trigger: AcrossTrigger) -> str:
    """Return what is the same for two triggers that hold at the same ticks for the same values."""
    conditions = (
        trigger.events,
        trigger.within_ms,
        trigger.at_least,
        trigger.same,
        trigger.exceeds,
        trigger.counts,
    )
    return hashlib.blake2b(msgspec.json.encode(conditions), digest_size=8).hexdigest()


def key_of(value: str) -> str:
    """Return what stands for a value where it is remembered: of one size, however long the value is."""
    return hashlib.blake2b(value.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def evaluate(  # noqa: PLR0913, PLR0917 - a range of ticks, and what was counted for it
    trigger: AcrossTrigger,
    memory: Memory | None,
    first: int,
    last: int,
    spans: Spans,
    usuals: Usuals | None,
    *,
    fires_from: int | None = 0,
) -> Course:
    """Evaluate all ticks from `first` to `last`: `spans` and `usuals` are of just these.

    `fires_from`: at ticks before it nothing fires; what begins to hold there fires at it, if it still holds. None: what
    begins to hold is remembered as fired, for it held before the definition.
    """
    course = _Walk(trigger, memory, usuals, fires_from, {value: key_of(value) for value in spans})
    numbers, tick = RunningNumbers(spans, trigger.at_least), first
    while tick <= last:
        numbers.advance(tick)
        course.step(tick, numbers.large)
        tick = course.next_tick(tick, numbers.next_change)
    return Course(tuple(course.firings), course.memory(last))


class _Walk:
    """The way through a range of ticks; between those that are visited nothing changes. `keys`: of all values."""

    def __init__(
        self,
        trigger: AcrossTrigger,
        memory: Memory | None,
        usuals: Usuals | None,
        fires_from: int | None,
        keys: Mapping[str, str],
    ) -> None:
        meaning = meaning_of(trigger)
        self._trigger = trigger
        self._usuals = usuals
        self._keys = keys
        self._fires_from = fires_from
        self._cool_down_ms = trigger.within_ms if trigger.cool_down_ms is None else trigger.cool_down_ms
        self._holding = dict(memory.holding) if memory is not None and memory.meaning == meaning else {}
        self._fired = dict(memory.fired) if memory is not None else {}
        self._is_any_large = False
        self._meaning = meaning
        self.firings: list[AcrossFiring] = []

    def step(self, tick: int, numbers: Mapping[str, int]) -> None:
        """Evaluate one tick, with the numbers that are large enough."""
        self._is_any_large = bool(numbers)
        holds = [value for value in _largest(numbers) if self._exceeds(value, numbers[value], tick)]
        begun = Holding(tick, self._fires_from is None)
        self._holding = {key: self._holding.get(key, begun) for key in map(self._keys.__getitem__, holds)}
        for value in sorted(holds):
            key = self._keys[value]
            holding = self._holding[key]
            if not holding.is_done and tick >= self._silent_until(key, tick):
                self._holding[key] = Holding(holding.since, is_done=True)
                self._remember_fired(key, tick)
                usual = None if self._usuals is None else self._usuals.of(value, tick)
                self.firings.append(AcrossFiring(value, tick, numbers[value], usual))

    def next_tick(self, tick: int, next_change: int | None) -> int:
        """Return the next tick at which anything can change."""
        times = [] if next_change is None else [next_change]
        if self._is_any_large and self._usuals is not None:
            times.append(self._usuals.next_change(tick))
        times += [self._silent_until(key, tick) for key, each in self._holding.items() if not each.is_done]
        step = tick_ms(self._trigger)
        return max(tick + step, at_or_after(min(times), step)) if times else 1 << 62

    def memory(self, evaluated_to: int) -> Memory:
        """Return what is to be remembered once all ticks are evaluated."""
        fired = {key: at for key, at in self._fired.items() if evaluated_to - at < self._cool_down_ms}
        return Memory(self._meaning, evaluated_to, self._holding, fired)

    def _remember_fired(self, key: str, tick: int) -> None:
        self._fired.pop(key, None)  # so that the order stays that of ticks
        self._fired[key] = tick
        if len(self._fired) > MOST_FIRED:
            del self._fired[next(iter(self._fired))]

    def _silent_until(self, key: str, tick: int) -> int:
        """Return when a value may fire that holds."""
        fired_at = self._fired.get(key)
        cool_at = tick if fired_at is None else fired_at + self._cool_down_ms
        return max(cool_at, self._fires_from or 0)

    def _exceeds(self, value: str, number: int, tick: int) -> bool:
        if self._trigger.exceeds is None:
            return True
        assert self._usuals is not None
        usual, windows = self._usuals.parts(value, tick)
        return windows > 0 and number * windows > self._trigger.exceeds.times * usual


def _largest(numbers: Mapping[str, int]) -> list[str]:
    if len(numbers) <= MOST_VALUES:
        return list(numbers)
    return [value for _, value in nsmallest(MOST_VALUES, ((-number, value) for value, number in numbers.items()))]
