"""The one notation of a whole number: `55520`, whether it was written as 55520, 55520.0, 5.552e4 or 5552E1. Pure.

Leaves to `normalise` where a text may be a number, and to the readers of JSON what a number is there.
"""

import re

from identity.rules import MAX_VALUE_LENGTH

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")
# What programs print of a double. A number that is written by hand or by a form has no `.0`, or begins with a zero.
_DOUBLE = re.compile(r"-?(?:0|[1-9][0-9]*)\.0")
# What spreadsheets show of a number that is too long for a cell: six digits of it, also with a decimal comma.
_ROUNDED = re.compile(r"[1-9](?:[.,][0-9]+)?[eE]\+[0-9]{2,3}")


def whole_number(number: str) -> str | None:
    """Return the digits of a JSON number, all of them; None if it is not whole or has over MAX_VALUE_LENGTH digits.

    Minus zero is zero. Time is bounded by the length of `number`, however large its exponent.
    """
    match = _NUMBER.fullmatch(number)
    if match is None:
        return None
    minus, integer, fraction, exponent_sign, exponent = match.groups(default="")
    fraction, exponent = fraction.rstrip("0"), exponent.lstrip("0")
    digits = (integer + fraction).lstrip("0")
    if not digits:
        return "0"
    if len(exponent) > len(str(len(number) + MAX_VALUE_LENGTH)):  # more than the digits of this text can make up for
        return None
    shift = int(f"{exponent_sign}{exponent or 0}") - len(fraction)
    if shift < 0:
        digits, rest = digits[:shift], digits[shift:]
        if not digits or rest.strip("0"):
            return None
    if len(digits) + max(shift, 0) > MAX_VALUE_LENGTH:
        return None
    return f"{minus}{digits}{'0' * shift}"


def without_point_zero(text: str) -> str:
    """Return `55520` of the text `55520.0`, what programs make of a number that has passed a double; else the text."""
    if not text.endswith(".0") or not _DOUBLE.fullmatch(text):
        return text
    return "0" if text == "-0.0" else text[:-2]


def is_rounded(text: str) -> bool:
    """Tell whether a text is a number such as `1.23457E+11`, of which a spreadsheet has kept the first digits only."""
    return "+" in text and _ROUNDED.fullmatch(text) is not None
