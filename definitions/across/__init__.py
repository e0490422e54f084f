"""Triggers across persons: when they are asked, and what fires, of numbers that somebody has counted. Pure."""

from definitions.across.firing import Evaluated, Firing, Holding, Memory, evaluate, meaning_of
from definitions.across.grid import at_or_after, at_or_before, tick_ms, usual_until, usual_windows
from definitions.across.numbers import Numbers, Span, Spans, Usuals, shown_value

__all__ = [
    "Evaluated",
    "Firing",
    "Holding",
    "Memory",
    "Numbers",
    "Span",
    "Spans",
    "Usuals",
    "at_or_after",
    "at_or_before",
    "evaluate",
    "meaning_of",
    "shown_value",
    "tick_ms",
    "usual_until",
    "usual_windows",
]
