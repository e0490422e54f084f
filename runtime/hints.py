"""What a person may have meant, where a word is not one of those expected."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, expected: Iterable[str]) -> str:
    """Return a hint: the expected word that resembles this one, or all of them when none does."""
    words = list(expected)
    close = closest(word, words)
    if close is not None:
        return f"did you mean {close!r}?"
    return f"known: {', '.join(words)}" if words else ""


def closest(word: str, expected: Iterable[str]) -> str | None:
    """Return the expected word that resembles this one most, or None when none does."""
    return next(iter(difflib.get_close_matches(word, list(expected), 1)), None)
