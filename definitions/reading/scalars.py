"""Single values of the language: names, texts, numbers, durations, operands; where they stand is left to `fields`.

Plain words are read as YAML 1.2 does, except where one is easily meant otherwise (yes, 007, 1_000, +49): those must
be quoted or written out, because a filter that compares the wrong type would never hold and never say so.
"""

import math
import re

from definitions.model import Scalar
from definitions.reading.nodes import FileReport, Node, ScalarNode

MAX_TEXT = 1_000
MAX_WITHIN_DAYS = 3_650

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?|-?(0|[1-9][0-9]*)[eE][-+]?[0-9]+")
_NEARLY_A_NUMBER = re.compile(r"[-+.]?[0-9][0-9_,.]*|[-+]?0[xob][0-9a-fA-F_]+|[-+]?\.(inf|nan)", re.IGNORECASE)
_NEARLY_A_BOOL = frozenset({"yes", "no", "on", "off"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_DURATION = re.compile(r"([0-9]{1,15})([smhdw])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def is_null(node: ScalarNode) -> bool:
    """Whether it stands for no value at all: nothing, ~ or null, without quotes."""
    return node.is_plain and node.text in _NULLS


def read_text(node: Node, what: str, report: FileReport, longest: int = MAX_TEXT) -> str | None:
    """A text that is not empty, or None with a finding."""
    if not isinstance(node, ScalarNode):
        report.add(node, f"{what} must be a text")
    elif is_null(node) or not node.text.strip():
        report.add(node, f"{what} is empty")
    elif node.is_plain and _INTEGER.fullmatch(node.text):
        report.add(node, f"{what} must be a text, and {node.text} is a number", f'quote it: "{node.text}"')
    elif len(node.text) > longest:
        report.add(node, f"{what} is longer than {longest} characters")
    else:
        return node.text
    return None


def read_name(node: Node, what: str, report: FileReport, also: str = "`title` may be any text") -> str | None:
    """The name of a definition: it becomes part of topics and tables, hence the narrow alphabet.

    `also`: ends the hint.
    """
    text = read_text(node, what, report)
    if text is None or _NAME.fullmatch(text):
        return text
    hint = f"lower-case letters, digits and _, a letter first, at most 63; {also}"
    report.add(node, f"{what} {text!r} is not a valid name", hint)
    return None


def read_whole_number(node: Node, what: str, highest: int, report: FileReport) -> int | None:
    """A whole number from 1 to `highest`."""
    if isinstance(node, ScalarNode) and node.is_plain and _INTEGER.fullmatch(node.text):
        number = int(node.text) if len(node.text) <= 20 else highest + 1
        if 1 <= number <= highest:
            return number
    shown = f", not {node.text!r}" if isinstance(node, ScalarNode) else ""
    report.add(node, f"{what} must be a whole number from 1 to {highest}{shown}")
    return None


def read_duration(node: Node, what: str, report: FileReport) -> int | None:
    """A duration such as 30m, in milliseconds."""
    units = "a whole number and one of s, m, h, d, w, such as 30m or 7d"
    match = _DURATION.fullmatch(node.text) if isinstance(node, ScalarNode) else None
    if match is None:
        shown = f", not {node.text!r}" if isinstance(node, ScalarNode) else ""
        report.add(node, f"{what} must be a duration{shown}", units)
        return None
    duration_ms = int(match[1]) * _UNIT_MS[match[2]]
    if not 0 < duration_ms <= MAX_WITHIN_DAYS * _UNIT_MS["d"]:
        report.add(node, f"{what} must be longer than 0 and at most {MAX_WITHIN_DAYS}d (10 years), not {match[0]!r}")
        return None
    return duration_ms


def read_bool(node: Node, what: str, report: FileReport) -> bool | None:
    if isinstance(node, ScalarNode) and node.is_plain and node.text in _BOOLS:
        return _BOOLS[node.text]
    shown = f", not {node.text!r}" if isinstance(node, ScalarNode) else ""
    report.add(node, f"{what} must be true or false{shown}")
    return None


def read_number(node: Node, what: str, report: FileReport) -> int | float | None:
    """A number for an ordering."""
    value = read_operand(node, what, report)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    report.add(node, f"{what} compares numbers, and {value!r} is none", "texts and dates have no order here yet")
    return None


def read_operand(node: Node, what: str, report: FileReport) -> Scalar | None:
    """A text, a number, true or false, to compare with; None with a finding for everything else."""
    if not isinstance(node, ScalarNode):
        report.add(node, f"{what} takes a single text, number, true or false", "for several values use `in: [a, b]`")
        return None
    if len(node.text) > MAX_TEXT:
        report.add(node, f"{what} is longer than {MAX_TEXT} characters")
        return None
    return _read_plain(node, what, report) if node.is_plain else node.text


def _read_plain(node: ScalarNode, what: str, report: FileReport) -> Scalar | None:
    text = node.text
    if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
        return _number(node, what, report)
    if text in _NULLS:
        report.add(node, f"{what} has no value", 'to ask for a missing value use `exists: false`, for empty text ""')
    elif text.lower() in _NEARLY_A_BOOL:
        hint = f'write true or false, or quote the text: "{text}"'
        report.add(node, f"{text} is true or false to some readers of YAML and a text to others", hint)
    elif _NEARLY_A_NUMBER.fullmatch(text):
        hint = f'write digits only, such as 1000 or -0.5, or quote the text: "{text}"'
        report.add(node, f"{text} is a number to some readers of YAML and a text to others", hint)
    else:
        return _BOOLS.get(text, text)
    return None


def _number(node: ScalarNode, what: str, report: FileReport) -> int | float | None:
    if _INTEGER.fullmatch(node.text):
        number = int(node.text)
        if -(2**63) <= number < 2**63:
            return number
    elif math.isfinite(value := float(node.text)):
        return value
    report.add(node, f"{what} is out of range", f'if it is a text, quote it: "{node.text}"')
    return None
