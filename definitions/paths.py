r"""Paths as texts: names joined by dots. A dot of a name itself is written `\.`, and a backslash `\\`."""

import re

from definitions.model import Path

MAX_PATH = 10
_NAME_PATTERN = r"([^.\\]|\\[.\\])+"
PATTERN = rf"{_NAME_PATTERN}(\.{_NAME_PATTERN}){{0,{MAX_PATH - 1}}}"
"""The notation as a regular expression that editors have, too."""

_NAME = re.compile(_NAME_PATTERN)
_PATH = re.compile(PATTERN)
_ESCAPED = re.compile(r"\\(.)")
_NEEDS_ESCAPE = re.compile(r"[.\\]")


def path_of(text: str) -> Path | None:
    """Return the names that a text joins; None if it is no path."""
    if _PATH.fullmatch(text) is None:
        return None
    return tuple(_ESCAPED.sub(r"\1", name[0]) for name in _NAME.finditer(text))


def path_text(path: Path) -> str:
    """Return the text that joins the names of a path."""
    return ".".join(_NEEDS_ESCAPE.sub(r"\\\g<0>", name) for name in path)


def quoted_path(path: Path) -> str:
    """Return the text of a path as messages have it."""
    return quoted(path_text(path))


def quoted(text: str) -> str:
    """Return a text in quotes, with what does not show escaped, but for the backslash."""
    return repr(text).replace("\\\\", "\\")
