"""Finds what the module of a kind of receivers says beside its options: its keys, its preset, its own checks."""

import sys
from collections.abc import Iterator, Mapping
from typing import get_args

import msgspec

from definitions.receivers import Receiver
from definitions.receivers.values import OptionProblem

KINDS: Mapping[str, type[Receiver]] = {
    str(kind.__struct_config__.tag): kind for kind in (get_args(Receiver) or (Receiver,))
}
"""The options of each kind, by what the file calls it."""


def type_of(kind: type[Receiver]) -> str:
    """Return what the file calls a kind."""
    return str(kind.__struct_config__.tag)


def meanings(kind: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return what the keys of a kind mean."""
    return dict(getattr(sys.modules[kind.__module__], "KEYS", {}))


def preset(kind: type[Receiver]) -> Mapping[str, object]:
    """Return the mapping of a kind where none is written, in the form of the file."""
    return dict(getattr(sys.modules[kind.__module__], "PRESET", {}))


def problems(options: Receiver) -> Iterator[OptionProblem]:
    """Yield what is wrong with options that no single value shows."""
    check = getattr(sys.modules[type(options).__module__], "problems", None)
    if check is not None:
        yield from check(options)
