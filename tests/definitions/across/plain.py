"""Triggers across persons as decision 0041 says it, tick by tick, without intervals and without SQL."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from definitions.model import AcrossTrigger


class Occurred(NamedTuple):
    """An event that matches: when, with which value (JSON text), of whom."""

    at: int
    value: str
    person: str = "ann"


class Fired(NamedTuple):
    tick: int
    value: str
    number: int
    usual: float | None


def step_of(trigger: AcrossTrigger) -> int:
    """5 s, or a hundred-and-twentieth of the window in whole 5 s."""
    return max(5_000, trigger.within_ms // 120 // 5_000 * 5_000)


def number(trigger: AcrossTrigger, events: Sequence[Occurred], value: str, after: int, until: int) -> int:
    counted = [event for event in events if event.value == value and after < event.at <= until]
    return len({event.person for event in counted}) if trigger.counts == "people" else len(counted)


def usual(trigger: AcrossTrigger, events: Sequence[Occurred], value: str, tick: int, first: int) -> float | None:
    """The mean over the windows up to T of those that the workspace has seen; `first`: its first event."""
    assert trigger.exceeds is not None
    window, most = trigger.within_ms, trigger.exceeds.of_ms // trigger.within_ms
    step = window * max(1, most // 50)
    end = (tick - window) // step * step
    numbers: list[int] = []
    while len(numbers) < most and end >= first:
        numbers.append(number(trigger, events, value, end - window, end))
        end -= window
    return sum(numbers) / len(numbers) if len(numbers) >= 3 else None


def course(
    trigger: AcrossTrigger, events: Sequence[Occurred], ticks: Sequence[int], first: int | None = None
) -> Iterator[Fired]:
    """Yield what fires at these ticks, one after the other; `first`: the first event of the workspace."""
    cool_down = trigger.within_ms if trigger.cool_down_ms is None else trigger.cool_down_ms
    first = min((event.at for event in events), default=0) if first is None else first
    waiting: dict[str, bool] = {}
    fired: dict[str, int] = {}
    for tick in ticks:
        for value in sorted({event.value for event in events}):
            now = number(trigger, events, value, tick - trigger.within_ms, tick)
            mean = usual(trigger, events, value, tick, first) if trigger.exceeds else None
            holds = now >= trigger.at_least
            if trigger.exceeds is not None:
                holds = holds and mean is not None and now > trigger.exceeds.times * mean
            if not holds:
                waiting.pop(value, None)
                continue
            if waiting.setdefault(value, True) and tick - fired.get(value, -(10**15)) >= cool_down:
                waiting[value] = False
                fired[value] = tick
                yield Fired(tick, value, now, mean)


def spans(
    trigger: AcrossTrigger, events: Sequence[Occurred], ticks: Sequence[int]
) -> Mapping[str, tuple[tuple[int, int, int], ...]]:
    """The numbers at each tick, as an interval of that tick alone."""
    step = step_of(trigger)
    return {
        value: tuple(
            (tick, tick + step, number(trigger, events, value, tick - trigger.within_ms, tick)) for tick in ticks
        )
        for value in {event.value for event in events}
    }
