"""The times at which triggers across persons are evaluated, and the windows of which the usual is made. All in ms."""

from definitions.model import AcrossTrigger, Usual

LEAST_TICK_MS = 5_000
TICKS_OF_WINDOW = 120
"""An event is counted at so many ticks at most, however long the window is."""
USUALS_OF_PERIOD = 50
"""The usual is computed at most so often in its period."""


def at_or_before(time: int, step: int) -> int:
    """Return the last multiple of a step that is not after a time."""
    return time // step * step


def at_or_after(time: int, step: int) -> int:
    """Return the first multiple of a step that is not before a time."""
    return -(-time // step) * step


def tick_ms(trigger: AcrossTrigger) -> int:
    """Return how far the ticks of a trigger lie apart; ticks are the multiples of it."""
    return max(LEAST_TICK_MS, at_or_before(trigger.within_ms // TICKS_OF_WINDOW, LEAST_TICK_MS))


def usual_windows(trigger: AcrossTrigger, usual: Usual) -> int:
    """Return of how many windows the usual is the mean."""
    return usual.of_ms // trigger.within_ms


def usual_step_ms(trigger: AcrossTrigger, usual: Usual) -> int:
    """Return how far the ends of the period of the usual lie apart: a multiple of the window."""
    return trigger.within_ms * max(1, usual_windows(trigger, usual) // USUALS_OF_PERIOD)


def usual_until(trigger: AcrossTrigger, usual: Usual, tick: int) -> int:
    """Return the end of the last window of the usual at a tick: the window of the tick itself lies behind it."""
    return at_or_before(tick - trigger.within_ms, usual_step_ms(trigger, usual))
