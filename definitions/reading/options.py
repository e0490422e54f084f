"""Options of a receiver: any struct of `definitions.receivers`, read by what its annotations say.

A secret that is written in clear is refused, and never echoed: neither its text nor any part of it.
"""

import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from definitions.reading.fields import refuse_unknown_keys, value_of
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.scalars import is_null, read_bool, read_choice, read_duration, read_operand, read_text
from definitions.receivers.kinds import key_of
from definitions.receivers.values import Secret

MAX_OPTION = 4_000
MAX_ELEMENTS = 1_000

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,9})?")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_LIMIT = re.compile("(>=|<=|>|<) ([0-9]+)$")
_LIMITS = {">=": "at least ", "<=": "at most ", ">": "above ", "<": "below "}
_BY_REFERENCE = "by reference: `{env: NAME}`, a variable of the deliverer, or `{file: /run/secrets/name}`"

Struct = TypeVar("Struct", bound=msgspec.Struct)


def types_of(struct: type[msgspec.Struct]) -> Mapping[str, object]:
    """Return the type of each field of a struct, with what it is held to."""
    return get_type_hints(struct, include_extras=True)


def read_options(node: MappingNode, struct: type[Struct], report: FileReport, what: str = "") -> Struct | None:
    """Return the struct that a mapping says, or None with findings. Keys that it does not have are left to the caller.

    `what`: what stands before a key in messages, such as "'columns': ".
    """
    errors, values = len(report.errors), {}
    types = types_of(struct)
    for field in msgspec.structs.fields(struct):
        key = key_of(field.name)
        value = value_of(node, key)
        if value is None:
            if field.required:
                report.add(node, f"{what}{_named(struct)} needs the key {key!r}", _example(key, types[field.name]))
            continue
        kind, shown = types[field.name], f"{what}{key!r}"
        is_duration = key != field.name
        read = _read_duration(value, kind, shown, report) if is_duration else _read(value, kind, shown, report)
        if read is not None:
            values[field.name] = read
    return struct(**values) if len(report.errors) == errors else None


def _named(struct: type[msgspec.Struct]) -> str:
    tag = struct.__struct_config__.tag
    return f"a destination of type {tag}" if tag else "it"


def _example(key: str, kind: object) -> str:
    if kind is Secret:
        return f"`{key}: {{env: NAME}}`: a secret by reference"
    return f"add `{key}: ...`"


def _read_duration(node: Node, kind: object, what: str, report: FileReport) -> object:
    duration = read_duration(node, what, report)
    return duration if duration is None or _is_held(node, kind, duration, what, report) else None


def _read(node: Node, kind: object, what: str, report: FileReport) -> object:  # noqa: PLR0911 - one for each type
    """Return the value of a type, or None with a finding."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        value = _read(node, arguments[0], what, report)
        return value if value is None or _is_held(node, kind, value, what, report) else None
    if origin in {Union, UnionType}:
        return _read_union(node, [each for each in arguments if each is not NoneType], what, report)
    if origin is Literal:
        return _read_literal(node, arguments, what, report)
    if origin is tuple:
        return _read_tuple(node, arguments[0], what, report)
    if origin is dict:
        return _read_dict(node, arguments[1], what, report)
    if kind is Secret:
        return read_secret(node, what, report)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _read_struct(node, kind, what, report)
    if kind is bool:
        return read_bool(node, what, report)
    if kind is int or kind is float:
        return _read_number(node, kind is int, what, report)
    if kind is str:
        return _read_text(node, what, report)
    raise TypeError(f"{what}: options have no type {kind!r}")


def _is_held(node: Node, kind: object, value: object, what: str, report: FileReport) -> bool:
    """Return whether a value keeps within the limits of its annotation; report it if not."""
    if get_origin(kind) is not Annotated:
        return True
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        limit = _LIMIT.search(str(error))
        said = str(error).removeprefix("Expected ") if limit is None else _LIMITS[limit[1]] + f"{int(limit[2]):,}"
        report.add(node, f"{what} must be {said}")
        return False
    return True


def _read_union(node: Node, kinds: list[object], what: str, report: FileReport) -> object:
    """A mapping is read as the struct among the types, anything else as the other type, or what YAML takes it for."""
    structs = [each for each in kinds if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    others = [each for each in kinds if each not in structs]
    chosen = structs if structs and (isinstance(node, MappingNode) or not others) else others
    return _read(node, chosen[0], what, report) if len(chosen) == 1 else read_operand(node, what, report)


def _read_literal(node: Node, words: tuple[object, ...], what: str, report: FileReport) -> object:
    text = read_choice(node, what, [str(word) for word in words], report)
    return next((word for word in words if str(word) == text), None)


def _read_tuple(node: Node, kind: object, what: str, report: FileReport) -> object:
    if not isinstance(node, ListNode):
        report.add(node, f"{what} must be a list", f"write `{what.strip(chr(39))}: [...]`")
        return None
    if len(node.items) > MAX_ELEMENTS:
        report.add(node, f"{what} has more than {MAX_ELEMENTS} elements")
        return None
    values = [_read(item, kind, f"an element of {what}", report) for item in node.items]
    return tuple(value for value in values if value is not None)


def _read_dict(node: Node, kind: object, what: str, report: FileReport) -> object:
    if not isinstance(node, MappingNode):
        report.add(node, f"{what} must be a mapping", f"write `{what.strip(chr(39))}: {{name: value}}`")
        return None
    if len(node.entries) > MAX_ELEMENTS:
        report.add(node, f"{what} has more than {MAX_ELEMENTS} keys")
        return None
    values = {name: _read(value, kind, f"{name!r} of {what}", report) for name, (_, value) in node.entries.items()}
    return {name: value for name, value in values.items() if value is not None}


def _read_struct(node: Node, kind: type[Struct], what: str, report: FileReport) -> Struct | None:
    if not isinstance(node, MappingNode):
        report.add(node, f"{what} must be a mapping", f"its keys: {', '.join(map(key_of, kind.__struct_fields__))}")
        return None
    refuse_unknown_keys(node, list(map(key_of, kind.__struct_fields__)), what, report)
    return read_options(node, kind, report, f"{what}: ")


def read_secret(node: Node, what: str, report: FileReport) -> Secret | None:
    """Return where a secret is, or None with a finding that says nothing of what stands there."""
    if isinstance(node, ScalarNode) and not is_null(node):
        message = f"{what} is a secret, and a file of definitions is no place for one"
        report.add(node, message, f"{_BY_REFERENCE}; if it was one, replace it by a new one")
        return None
    if not isinstance(node, MappingNode) or len(node.entries) != 1 or not node.entries.keys() <= {"env", "file"}:
        report.add(node, f"{what} must say where a secret is", _BY_REFERENCE)
        return None
    key, (_, place) = next(iter(node.entries.items()))
    text = place.text if isinstance(place, ScalarNode) and not is_null(place) else ""
    if key == "env" and _ENV.fullmatch(text):
        return Secret(env=text)
    if key == "file" and 0 < len(text) <= MAX_OPTION and text.isprintable():
        return Secret(file=text)
    said = "the name of an environment variable" if key == "env" else "the path of a file"
    report.add(place, f"{what} needs {said} at {key!r}", _BY_REFERENCE)
    return None


def _read_number(node: Node, whole: bool, what: str, report: FileReport) -> int | float | None:
    pattern = _INTEGER if whole else _NUMBER
    if isinstance(node, ScalarNode) and node.is_plain and pattern.fullmatch(node.text):
        return int(node.text) if whole else float(node.text)
    report.add(node, f"{what} must be a {'whole ' if whole else ''}number", "digits only, such as 1000")
    return None


def _read_text(node: Node, what: str, report: FileReport) -> str | None:
    if isinstance(node, ScalarNode) and not node.is_plain and not node.text:
        return ""
    text = read_text(node, what, report, longest=MAX_OPTION)
    if text is not None and _WITH_PASSWORD.search(text):
        report.add(
            node, f"{what} holds a password", f"take it out, and give it where there is a key for it {_BY_REFERENCE}"
        )
        return None
    return text
