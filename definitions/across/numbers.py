"""Numbers of events by value, as intervals of the times at which they count; who counts them is `warehouse`'s."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from definitions.across.grid import at_or_after, usual_step_ms, usual_until, usual_windows
from definitions.model import AcrossTrigger, Scalar, Usual

LEAST_WINDOWS = 3
"""Of fewer windows that the workspace has seen there is no usual."""


class Span(NamedTuple):
    """So many events count from `begins` up to, not including, `ends` (ms)."""

    begins: int
    ends: int
    number: int


Spans = Mapping[str, tuple[Span, ...]]
"""By value, as JSON text; that of all events together is empty."""


class RunningNumbers:
    """The numbers of all values, read in the order of time; `large` has those of at least `at_least`."""

    def __init__(self, spans: Spans, at_least: int) -> None:
        changes: dict[int, dict[str, int]] = {}
        for value, listed in spans.items():
            for span in listed:
                _add(changes, span.begins, value, span.number)
                _add(changes, span.ends, value, -span.number)
        self._changes = sorted(changes.items(), reverse=True)
        self._numbers = dict.fromkeys(spans, 0)
        self._at_least = at_least
        self.large: dict[str, int] = {}

    @property
    def next_change(self) -> int | None:
        """When any number changes next; None: never."""
        return self._changes[-1][0] if self._changes else None

    def advance(self, to: int) -> None:
        """Go on to a time."""
        while self._changes and self._changes[-1][0] <= to:
            for value, change in self._changes.pop()[1].items():
                self._numbers[value] += change
                if self._numbers[value] >= self._at_least:
                    self.large[value] = self._numbers[value]
                else:
                    self.large.pop(value, None)


def _add(changes: dict[int, dict[str, int]], time: int, value: str, number: int) -> None:
    at = changes.setdefault(time, {})
    at[value] = at.get(value, 0) + number


class Usuals:
    """What is usual for a value at a tick.

    `spans`: of the numbers in the windows, by the ends of the period at which they count. `first_event_at`: of the
    workspace (ms), None if it has none.
    """

    def __init__(self, trigger: AcrossTrigger, usual: Usual, spans: Spans, first_event_at: int | None) -> None:
        self._trigger = trigger
        self._usual = usual
        self._spans = spans
        self._first_event_at = first_event_at

    def of(self, value: str, tick: int) -> float | None:
        """Return the mean number of a window; None where the workspace is too new to have one."""
        number, windows = self.parts(value, tick)
        return number / windows if windows else None

    def parts(self, value: str, tick: int) -> tuple[int, int]:
        """Return the number in all windows, and how many windows; 0 where they are too few."""
        until = usual_until(self._trigger, self._usual, tick)
        windows = self._windows(until)
        if windows < LEAST_WINDOWS:
            return 0, 0
        return sum(span.number for span in self._spans.get(value, ()) if span.begins <= until < span.ends), windows

    def next_change(self, tick: int) -> int:
        """Return the first tick, or a moment before it, at which another period counts."""
        step = usual_step_ms(self._trigger, self._usual)
        return usual_until(self._trigger, self._usual, tick) + step + self._trigger.within_ms

    def _windows(self, until: int) -> int:
        if self._first_event_at is None:
            return 0
        since = at_or_after(self._first_event_at, self._trigger.within_ms) // self._trigger.within_ms - 1
        return max(0, min(usual_windows(self._trigger, self._usual), until // self._trigger.within_ms - since))


def shown_value(value: str) -> str:
    """Return a value, which is JSON text, as people read it; that of all events together is empty."""
    decoded = decoded_value(value)
    return decoded if isinstance(decoded, str) else value


def decoded_value(value: str) -> Scalar | None:
    """Return what a JSON text says; None of all events together."""
    return msgspec.json.decode(value, type=Scalar) if value else None


def spans_of(rows: Iterable[tuple[str, int, int, int]]) -> Spans:
    """Return rows of value, begin, end and number by value."""
    gathered: dict[str, list[Span]] = {}
    for value, begins, ends, number in rows:
        gathered.setdefault(value, []).append(Span(begins, ends, number))
    return {value: tuple(listed) for value, listed in gathered.items()}
