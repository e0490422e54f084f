"""What a person may have meant, where a word is not one of those expected."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, expected: Iterable[str]) -> str:
    """Return a hint: the expected word that resembles this one, or all of them when none does."""
    words = list(expected)
    close = difflib.get_close_matches(word, words, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(words)}" if words else ""
