"""Stripped cells of a file as they are written: numbers and booleans become JSON text. Pure."""

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from collectors.sources.files.mapping import ColumnKind, Format
from collectors.written_times import fold

MAX_WHOLE_DIGITS = 18
_MAX_LENGTH = 100

_WHOLE = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{MAX_WHOLE_DIGITS - 1}}})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?")
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1"), "true")
_BOOLEANS |= dict.fromkeys(("false", "f", "no", "n", "0"), "false")


def without_missing(cells: Iterable[str], missing: frozenset[str]) -> list[str]:
    """Return stripped cells, empty where one only says that there is no value."""
    return ["" if cell in missing else cell for cell in cells]


def json_writers(form: Format) -> dict[ColumnKind, Callable[[str], str]]:
    """Return what makes JSON text of a stripped cell that is not empty, by kind of column. It raises ValueError."""
    numbers = _Numbers(form)
    return {"text": _text, "integer": numbers.whole, "decimal": numbers.decimal, "boolean": _boolean}


class _Numbers:
    """Reads numbers with the decimal and thousands signs of a file. JSON text keeps every digit."""

    def __init__(self, form: Format) -> None:
        self._sign = form.decimal
        self._is_plain = form.decimal == "."
        group = _sign_pattern(form.thousands)
        groups = rf"|[0-9]{{1,3}}(?:{group}[0-9]{{2,3}}){{0,9}}{group}[0-9]{{3}}" if group else ""
        self._pattern = re.compile(
            rf"(?P<sign>[+-]?)(?P<whole>[0-9]{{1,31}}{groups})?"
            rf"(?:{re.escape(form.decimal)}(?P<fraction>[0-9]{{0,30}}))?(?:[eE](?P<exponent>[+-]?[0-9]{{1,3}}))?"
        )

    def whole(self, text: str) -> str:
        """Return a whole number; spreadsheets write 3.0 or 1.5E+3 for some."""
        if _WHOLE.fullmatch(text):
            return text
        written = self._json(text)
        number = None if written is None else Decimal(written)
        if number is None or abs(number) >= 10**MAX_WHOLE_DIGITS or number != number.to_integral_value():
            raise ValueError(f"{text[:50]!r} is not a whole number of at most {MAX_WHOLE_DIGITS} digits")
        return str(int(number))

    def decimal(self, text: str) -> str:
        """Return a number with the digits that were written."""
        if self._is_plain and _DECIMAL.fullmatch(text):
            return text
        written = self._json(text)
        if written is None:
            raise ValueError(f"{text[:50]!r} is not a decimal number such as 12{self._sign}50")
        return written

    def _json(self, text: str) -> str | None:
        match = self._pattern.fullmatch(fold(text[:_MAX_LENGTH]))
        if match is None or not (match["whole"] or match["fraction"]):
            return None
        whole = re.sub("[^0-9]", "", match["whole"] or "").lstrip("0") or "0"
        fraction = f".{match['fraction']}" if match["fraction"] else ""
        exponent = f"e{match['exponent']}" if match["exponent"] else ""
        written = f"{match['sign'].strip('+')}{whole}{fraction}{exponent}"
        return written if math.isfinite(float(written)) else None


def _sign_pattern(sign: str | None) -> str:
    if sign in {"'", "\u2019"}:
        return "['\u2019]"
    return re.escape(sign or "")


def _boolean(text: str) -> str:
    boolean = _BOOLEANS.get(text.lower())
    if boolean is None:
        raise ValueError(f"{text[:50]!r} is neither true nor false")
    return boolean


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()
