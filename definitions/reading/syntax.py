"""What is wrong with a text that YAML does not allow, where, and what to do: pure, over the parser's error."""

import re
from typing import NamedTuple

from ruamel.yaml.error import MarkedYAMLError

_FOREIGN = {
    "\uff0c": "`,`",
    "\uff1a": "`: `",
    "\uff1b": "`,`",
    "\u3001": "`,`",
    "\uff5b": "`{`",
    "\uff5d": "`}`",
    "\uff3b": "`[`",
    "\uff3d": "`]`",
    "\u201c": '`"`',
    "\u201d": '`"`',
    "\u2018": "`'`",
    "\u2019": "`'`",
    "\u00a0": "a plain space",
    "\u3000": "a plain space",
    "\u2003": "a plain space",
}
"""Characters that look like the grammar's and are texts to it, each with the one that is meant."""
_COMMAS = "\uff0c\u3001\uff1b\u060c"
_SHOWN = {"\u00a0": "a space that does not break (U+00A0)", "\u3000": "a wide space (U+3000)", "\u2003": "a wide space"}
_NO_SPACE = re.compile(r"\s*(?:- +)?[\w.-]+:(?=[^\s:/])")
_COMMENT = re.compile(r"\s#(?=\S)")
_NUMBER_SIGN = re.compile(r"[ \t]+#[0-9]")
_SPACES_OF_TEXTS = re.compile("[\u00a0\u3000\u2003]")
_CURLY = re.compile("[\u201c\u201d\u2018\u2019].*[\u201c\u201d\u2018\u2019]", re.DOTALL)
"""A text in quotes that are none to YAML."""


_TO_COMPARE = "to compare numbers write greater_than, greater_or_equal, less_than or less_or_equal"


class Mistake(NamedTuple):
    """At a line and column, both from 1."""

    line: int
    column: int
    message: str
    hint: str = ""


def mistake(error: MarkedYAMLError, text: str) -> Mistake:
    """Return what an error of the parser means to a person."""
    lines = text.split("\n")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    foreign = _foreign(lines, line)
    if foreign is not None:
        return foreign
    opened = error.context_mark
    problem = str(error.problem or error.context)
    if "unexpected end of stream" in problem and opened:
        return Mistake(opened.line + 1, opened.column + 1, "not valid YAML: a quote that is never closed", "close it")
    if problem.startswith(("expected ',' or '}'", "expected ',' or ']'")) and opened:
        return _in_brackets(lines, line, column, problem, (opened.line + 1, opened.column + 1))
    return Mistake(line, column, f"not valid YAML: {problem}", _hint(problem, lines, line, column))


def _in_brackets(lines: list[str], line: int, column: int, problem: str, opened: tuple[int, int]) -> Mistake:
    """Between brackets something else stands than the grammar allows: mostly the closing one is missing before it."""
    first = lines[opened[0] - 1]
    comment = _COMMENT.search(first, opened[1])
    closing = problem[len("expected ',' or ") :].split(",", maxsplit=1)[0].strip("'")
    if comment is not None:
        hint = 'what follows ` #` is a comment: quote a text that contains it, such as "Order #1"'
        return Mistake(opened[0], comment.start() + 2, f"not valid YAML: a comment before the {closing!r}", hint)
    if line > opened[0]:
        message = f"not valid YAML: a bracket that is not closed before line {line}"
        return Mistake(*opened, message, f"close it by {closing!r}, or begin the next entry behind a ','")
    hint = f"divide entries by ', ', close the bracket of column {opened[1]} by {closing!r}, and quote a text with ': '"
    return Mistake(line, column, f"not valid YAML: {problem}", hint)


_HINTS = {
    "'\\t'": "indent with spaces instead of tabs",
    "unknown escape character": "a backslash is written twice in double quotes; in single quotes it stands as it is",
    "<block end>": (
        "the keys of a mapping, and the dashes of a list, begin in one column: indent this line as those before"
    ),
    "expected alphabetic or numeric character": 'quote a text that begins with * or &, such as "*"',
    "chomping or indentation": f"quote a text that begins with > or |; {_TO_COMPARE}",
}
"""What to do, by a part of what the parser says."""


def _hint(problem: str, lines: list[str], line: int, column: int) -> str:
    if "mapping values are not allowed" in problem:
        before = [number for number in range(line - 1, 0, -1) if lines[number - 1].strip()][:1]
        if before and _NO_SPACE.match(lines[before[0] - 1]):
            return f"a colon has a space behind it: line {before[0]}"
        return "check the indentation, and quote a text that contains ': '"
    hint = next((hint for part, hint in _HINTS.items() if part in problem), "")
    if not hint and "cannot start any token" in problem:
        sign = lines[line - 1][column - 1 : column]
        hint = _TO_COMPARE if sign in {">", "|"} else f'quote a text that begins with {sign}, such as "{sign}name"'
    return hint


def _foreign(lines: list[str], line: int) -> Mistake | None:
    """A character on the line of an error, or on the one before, that looks like one of the grammar's."""
    for number in (line, line - 1):
        if not 0 < number <= len(lines):
            continue
        unquoted = re.sub(r'"[^"]*"|\'[^\']*\'', lambda quoted: " " * len(quoted[0]), lines[number - 1])
        at = next((at for at, each in enumerate(unquoted) if each in _FOREIGN), None)
        if at is not None:
            character = unquoted[at]
            shown = _SHOWN.get(character, f"{character} (U+{ord(character):04X})")
            hint = f"write {_FOREIGN[character]} instead; quote the text if it belongs to one"
            return Mistake(number, at + 1, f"not valid YAML here: {shown} is none of its signs", hint)
    return None


def mistaken_text(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a plain text that YAML allows and hardly anybody means, and what to do; else None."""
    if _CURLY.fullmatch(text):
        return f"{text!r} is in curly quotes, which are a part of it", f'write "{text[1:-1]}", or quote the whole'
    if _SPACES_OF_TEXTS.search(text[:1] + text[-1:]) or re.search(r":[\u00a0\u3000\u2003]", text):
        return f"{text!r} has a space that is none to YAML", "write a plain space (U+0020), or quote the text"
    return None


def undivided_text(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a plain text of a list in brackets that a comma of another script seems to divide."""
    sign = next((each for each in text if each in _COMMAS), None)
    if sign is None:
        return None
    return (
        f"{text!r} is one text: {sign} (U+{ord(sign):04X}) divides nothing",
        'write `, ` between two of them; quote the text if it belongs to one, such as "a\uff0cb"',
    )


def comment_behind(text: str, end: int) -> bool:
    """Return whether what follows a plain text, which ends there, is a number sign and a number: Order #1."""
    return _NUMBER_SIGN.match(text, end) is not None
