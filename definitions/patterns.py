"""Regular expressions as ClickHouse reads them: RE2, in time that grows with the text alone."""

from functools import cache
from typing import Any

import re2

MAX_MEMORY = 1 << 20


class PatternError(Exception):
    """It is no regular expression, or a greater one than may be kept; the message says why."""


@cache
def compile_pattern(text: str) -> Any:
    """Return an expression with `search`; a dot is a line break as well. Raises PatternError."""
    options = re2.Options()
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        raise PatternError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None
