"""Keeps texts from being computed by a spreadsheet that opens a CSV file."""

import re

# What a spreadsheet takes for the beginning of a formula, as OWASP lists it ("CSV Injection"), also in full width; a
# plain number, such as -5 or +4930123456, is none. Where ; divides cells, one may begin behind each.
_FORMULA = re.compile(r"(?:^|(?<=;))(?! *[+-]?\d+(?:\.\d+)?(?:;|$))(?= *[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


def without_formulas(text: str) -> str:
    """Return a text with a ' where a spreadsheet would take what follows for a formula."""
    return _FORMULA.sub("'", text)
