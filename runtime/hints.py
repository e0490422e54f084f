"""What a person may have meant, where a word is not one of those expected."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint: the known word that resembles this one, or all of them when none does."""
    words = list(known)
    close = difflib.get_close_matches(word, words, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(words)}" if words else ""
