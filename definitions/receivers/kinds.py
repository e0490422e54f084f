"""Finds what the module of a kind of receivers says beside its options: keys, preset, channel, its own checks."""

import re
import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import cast, get_args

import msgspec

from definitions.receivers import Receiver
from definitions.receivers.values import Holds, OptionProblem

DURATION_END = "_ms"
"""Of a field whose value is a duration; the key of the file lacks it."""
KINDS: Mapping[str, type[Receiver]] = {
    str(kind.__struct_config__.tag): kind for kind in (get_args(Receiver) or (Receiver,))
}
"""The options of each kind, by what the file calls it."""
_MARK = re.compile(r"`\w+`(?:(?:, | and )`\w+`)*: ")
_FIELD = re.compile(r"`(\w+)`")


def type_of(kind: type[Receiver]) -> str:
    """Return what the file calls a kind."""
    return str(kind.__struct_config__.tag)


def meanings(struct: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return what the keys of a struct mean: as `KEYS` beside it says, else its docstring, else the key itself."""
    texts = {key_of(field): f"The {key_of(field).replace('_', ' ')}." for field in struct.__struct_fields__}
    texts |= {key_of(field): text for field, text in _documented(struct) if key_of(field) in texts}
    return texts | dict(getattr(sys.modules[struct.__module__], "KEYS", {}))


def key_of(field: str) -> str:
    """Return the key of the file for a field of a struct."""
    return field.removesuffix(DURATION_END)


def _documented(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Yield the fields that a docstring explains, as in "`url`: where it is; `batch`, `rate`: how many."."""
    text = " ".join((struct.__doc__ or "").split())
    marks = list(_MARK.finditer(text))
    for mark, following in zip_longest(marks, marks[1:]):
        said = text[mark.end() : following.start() if following else len(text)].rstrip(" ;,.")
        for field in _FIELD.findall(mark[0]):
            yield field, f"{said[:1].upper()}{said[1:]}."


def channel_of(kind: type[Receiver]) -> str:
    """Return by what channel a kind reaches people where none is written; empty if it has none."""
    return str(getattr(sys.modules[kind.__module__], "CHANNEL", ""))


def preset(kind: type[Receiver]) -> Mapping[str, object]:
    """Return the mapping of a kind where none is written, in the form of the file."""
    return dict(getattr(sys.modules[kind.__module__], "PRESET", {}))


def holds_of(options: Receiver) -> Holds:
    """Return what a receiver holds, as the module of its kind says; where it says nothing, events."""
    holds = getattr(sys.modules[type(options).__module__], "holds", None)
    return "events" if holds is None else cast("Holds", holds(options))


def found_by(options: Receiver) -> tuple[str, ...]:
    """Return the fields of the mapping by which a receiver of states finds what it holds of somebody."""
    fields = getattr(sys.modules[type(options).__module__], "found_by", None)
    return () if fields is None else cast("tuple[str, ...]", fields(options))


def problems(options: Receiver) -> Iterator[OptionProblem]:
    """Yield what is wrong with options that no single value shows."""
    check = getattr(sys.modules[type(options).__module__], "problems", None)
    if check is not None:
        yield from check(options)
