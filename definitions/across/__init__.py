"""Triggers across persons: when they are evaluated, and what fires, of numbers that somebody has counted. Pure."""

from definitions.across.firing import AcrossFiring, Course, Holding, Memory, evaluate, key_of, meaning_of
from definitions.across.grid import at_or_after, at_or_before, tick_ms, usual_until, usual_windows
from definitions.across.numbers import RunningNumbers, Span, Spans, Usuals, decoded_value, shown_value

__all__ = [
    "AcrossFiring",
    "Course",
    "Holding",
    "Memory",
    "RunningNumbers",
    "Span",
    "Spans",
    "Usuals",
    "at_or_after",
    "at_or_before",
    "decoded_value",
    "evaluate",
    "key_of",
    "meaning_of",
    "shown_value",
    "tick_ms",
    "usual_until",
    "usual_windows",
]
