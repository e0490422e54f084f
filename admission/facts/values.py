"""Texts of facts, read from what anybody may have sent: short, whole, and empty where there is none."""

import re
from collections.abc import Mapping
from typing import TypeAlias

MAX_FACT_LENGTH = 200

FactObject: TypeAlias = Mapping[str, object]

_NOTHING: FactObject = {}
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")


def member(parent: FactObject, name: str) -> FactObject:
    """Return an object within another one; an empty one if there is none."""
    value = parent.get(name)
    return value if isinstance(value, dict) else _NOTHING


def text_of(parent: FactObject, name: str) -> str:
    """Return the text of a member, or of a whole number; empty if it is anything else."""
    value = parent.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def fact(sent: str) -> str:
    """Return a text as a fact: without control characters and blanks around it, cut."""
    text = sent[: 2 * MAX_FACT_LENGTH]
    if not text.isprintable():
        text = _ODD.sub(" ", text)
    return text.strip()[:MAX_FACT_LENGTH].rstrip()
