"""Single values of the language: texts, numbers, durations, operands; where they stand is left to `fields`.

Plain words are read as YAML 1.2 does, except where one is easily meant otherwise (yes, 007, 1_000, +49): those must
be quoted or written out, because a filter that compares the wrong type would never hold and never say so.
"""

import math
import re
from collections.abc import Collection

from definitions.model import Scalar
from definitions.reading.nodes import FileReport, Node, ScalarNode
from runtime.hints import did_you_mean

MAX_TEXT = 1_000
MAX_WITHIN_DAYS = 3_650
EXACT = 2**53
"""Up to it a double, as which numbers are compared, has every whole number."""
_LONGEST_EXACT = len(f"-{EXACT}")

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?|-?(0|[1-9][0-9]*)[eE][-+]?[0-9]+")
_NEARLY_A_NUMBER = re.compile(r"[-+.]?[0-9][0-9_,.]*|[-+]?0[xob][0-9a-fA-F_]+|[-+]?\.(inf|nan)", re.IGNORECASE)
_NEARLY_A_BOOL = frozenset({"yes", "no", "on", "off"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = "a number"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_DURATION = re.compile(r"([0-9]{1,15})([smhdw])")
_PERCENT = re.compile(r"([0-9]{1,2})(?:\.([0-9]))?%")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def is_null(node: ScalarNode) -> bool:
    """Return whether it stands for no value at all: nothing, ~ or null, without quotes."""
    return node.is_plain and node.text in _NULLS


def read_text(
    node: Node, what: str, report: FileReport, longest: int = MAX_TEXT, *, is_number_text: bool = False
) -> str | None:
    """Read a text that is not empty, or None with a finding; `is_number_text`: a plain number is taken as its text."""
    if not isinstance(node, ScalarNode):
        report.add(node, f"{what} must be a text")
    elif is_null(node) or not node.text.strip():
        report.add(node, f"{what} is empty")
    elif node.is_plain and (kind := _other_kind(node.text)) and not (is_number_text and kind == _NUMBER):
        report.add(node, f"{what} must be a text, and {node.text} is {kind}", f'quote it: "{node.text}"')
    elif len(node.text) > longest:
        report.add(node, f"{what} is longer than {longest} characters")
    else:
        return node.text
    return None


def _other_kind(text: str) -> str | None:
    """What a plain word is, if it is no text."""
    if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
        return _NUMBER
    return "true or false" if text in _BOOLS else None


def read_whole_number(node: Node, what: str, highest: int, report: FileReport, lowest: int = 1) -> int | None:
    """Read a whole number from `lowest` to `highest`."""
    if isinstance(node, ScalarNode) and node.is_plain and _INTEGER.fullmatch(node.text):
        number = int(node.text) if len(node.text) <= 20 else highest + 1
        if lowest <= number <= highest:
            return number
    shown = f", not {node.text!r}" if isinstance(node, ScalarNode) else ""
    report.add(node, f"{what} must be a whole number from {lowest} to {highest}{shown}")
    return None


def read_duration(node: Node, what: str, report: FileReport, also: str = "") -> int | None:
    """Read a duration such as 30m, in milliseconds. `also`: ends the hint."""
    units = f"a whole number and one of s, m, h, d, w, such as 30m or 7d{also}"
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


def read_permille(node: Node, what: str, report: FileReport) -> int | None:
    """Read a share such as 10% or 0.5%, in thousandths."""
    match = _PERCENT.fullmatch(node.text) if isinstance(node, ScalarNode) else None
    permille = int(match[1]) * 10 + int(match[2] or 0) if match else 0
    if 0 < permille < 1_000:
        return permille
    shown = f", not {node.text!r}" if isinstance(node, ScalarNode) else ""
    report.add(node, f"{what} must be a share from 0.1% to 99.9%{shown}", "such as 10% or 0.5%")
    return None


def read_choice(node: Node, what: str, choices: Collection[str], report: FileReport) -> str | None:
    """Read one word of a few."""
    text = read_text(node, what, report)
    if text is None or text in choices:
        return text
    report.add(node, f"{what} cannot be {text!r}", did_you_mean(text, choices))
    return None


def read_bool(node: Node, what: str, report: FileReport) -> bool | None:
    """Read true or false, or None with a finding."""
    if isinstance(node, ScalarNode) and node.is_plain and node.text in _BOOLS:
        return _BOOLS[node.text]
    shown = f", not {node.text!r}" if isinstance(node, ScalarNode) else ""
    report.add(node, f"{what} must be true or false{shown}")
    return None


def read_number(node: Node, what: str, report: FileReport) -> int | float | None:
    """Read a number for an ordering."""
    value = read_operand(node, what, report)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    report.add(
        node,
        f"{what} compares numbers, and {value!r} is none",
        "for dates use before, after, within_last, longer_ago_than or within_next; other texts have no order",
    )
    return None


def read_operand(node: Node, what: str, report: FileReport) -> Scalar | None:
    """Read a text, a number, true or false, to compare with; None with a finding for everything else."""
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
        if len(node.text) <= _LONGEST_EXACT and -EXACT <= (number := int(node.text)) <= EXACT:
            return number
        hint = f'send it as a text, and quote it here: "{node.text}"'
        report.add(node, f"{what} is a whole number beyond 2^53, which JSON does not tell from its neighbours", hint)
        return None
    if math.isfinite(value := float(node.text)):
        return value
    report.add(node, f"{what} is out of range", f'if it is a text, quote it: "{node.text}"')
    return None
