"""Makes the fields of a delivery by a mapping that is compiled once, into closures.

The same mapping and activation give the same fields whenever and wherever they are computed: no clock, no chance, no
attempt has a part in them.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from definitions.mapping import (
    IDENTIFIERS,
    ITEM,
    PROFILE,
    Constant,
    Each,
    Entry,
    Fields,
    Items,
    Made,
    Selected,
    Text,
    Unmappable,
    When,
)
from definitions.normalising import NORMALISERS
from definitions.streaming.times import text_of
from definitions.templates import Template
from schemas.activations import Activation

FieldsOf: TypeAlias = Callable[[Activation, str], dict[str, object]]
"""Returns what a destination is sent of an activation under a key, ready for JSON. Raises Unmappable."""


class _Missing:
    """That there is no value."""


class _Reading:
    """One activation under its key; each open part is decoded once, and only if it is asked for.

    `item`: the member that `each` is at; `numbers`: of it and of those around it, in their lists.
    """

    __slots__ = ("_open", "activation", "item", "key", "numbers")

    def __init__(self, activation: Activation, key: str) -> None:
        self.activation = activation
        self.key = key
        self.item: object = None
        self.numbers: list[int] = []
        self._open: dict[str, dict[str, object]] = {}

    def opened(self, text: str) -> dict[str, object]:
        """Return the object of an open part; an empty one where it is none."""
        opened = self._open.get(text)
        if opened is None:
            value = _decoded(text)
            opened = self._open[text] = value if isinstance(value, dict) else {}
        return opened

    def identifiers(self) -> dict[str, list[str]]:
        """Return all values by namespace."""
        values: dict[str, list[str]] = {}
        for identifier in self.activation.identifiers:
            values.setdefault(identifier.namespace, []).append(identifier.value)
        return values


_ValueOf: TypeAlias = Callable[[_Reading], object]
_Place: TypeAlias = tuple[str, ...]
"""Where an entry stands, for an error: texts between which the numbers of members belong."""

_MISSING: Final = _Missing()
_KEPT = 1_024
_REPEATED = frozenset({"workspace", "kind", "name", "change"})
"""Of these there are few values: a template that reads nothing else is rendered once for each."""
_READERS: Mapping[str, _ValueOf] = {
    "id": lambda reading: reading.activation.activation_id,
    "key": lambda reading: reading.key,
    "workspace": lambda reading: reading.activation.workspace,
    "kind": lambda reading: reading.activation.kind,
    "name": lambda reading: reading.activation.name,
    "change": lambda reading: reading.activation.change,
    "cause": lambda reading: reading.activation.cause,
    "version": lambda reading: reading.activation.version,
    "happened_at": lambda reading: _iso(reading.activation.happened_at),
    "decided_at": lambda reading: _iso(reading.activation.decided_at),
    "across": lambda reading: None if reading.activation.across is None else _decoded(reading.activation.across),
    "traits": lambda reading: reading.opened(reading.activation.traits),
    "payload": lambda reading: reading.opened(reading.activation.payload),
    PROFILE: lambda reading: {"id": reading.activation.profile_id, "kind": reading.activation.profile_kind},
    IDENTIFIERS: _Reading.identifiers,
    ITEM: lambda reading: reading.item,
}
_PROFILE_READERS: Mapping[str, _ValueOf] = {
    "id": lambda reading: reading.activation.profile_id,
    "kind": lambda reading: reading.activation.profile_kind,
}


def compile_mapping(mapping: Fields) -> FieldsOf:
    """Return the function from an activation and a key to a mapping's fields."""
    object_of = _compiled_fields(mapping, ("",))
    return lambda activation, key: object_of(_Reading(activation, key))


def fields_of(mapping: Fields, activation: Activation, key: str) -> dict[str, object]:
    """Return the fields of one delivery, where there are no others. Raises Unmappable."""
    return compile_mapping(mapping)(activation, key)


def _compiled(entry: Entry, at: _Place) -> _ValueOf:  # noqa: PLR0911 - one for each form
    match entry:
        case Constant(value):
            return lambda _: value
        case Selected():
            return _compiled_selected(entry)
        case Text():
            return _compiled_text(entry, at)
        case Made():
            return _where(entry.when, _compiled_made(entry, at))
        case Each():
            return _where(entry.when, _compiled_each(entry, at))
        case Items(entries):
            return _compiled_items(entries, at)
        case Fields():
            return _compiled_fields(entry, at)


def _compiled_fields(fields: Fields, at: _Place) -> Callable[[_Reading], dict[str, object]]:
    compiled = tuple((name, _compiled(entry, _within(at, f".{name}"))) for name, entry in fields.entries)

    def object_of(reading: _Reading) -> dict[str, object]:
        made = {}
        for name, value_of in compiled:
            value = value_of(reading)
            if value is not _MISSING:
                made[name] = value
        return made

    return object_of


def _compiled_items(entries: tuple[Entry, ...], at: _Place) -> _ValueOf:
    compiled = tuple(_compiled(entry, _within(at, f"[{number}]")) for number, entry in enumerate(entries))
    return lambda reading: [value for value_of in compiled if (value := value_of(reading)) is not _MISSING]


def _compiled_selected(selected: Selected) -> _ValueOf:
    root, *rest = selected.path
    if root == IDENTIFIERS and rest:
        return _compiled_identifiers(rest[0], selected.every)
    if root == PROFILE and rest:
        return _compiled_path(_PROFILE_READERS[rest[0]], tuple(rest[1:]))
    return _compiled_path(_READERS[root], tuple(rest))


def _compiled_path(read: _ValueOf, path: tuple[str, ...]) -> _ValueOf:
    def value_of(reading: _Reading) -> object:
        value = read(reading)
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return _MISSING if value is None else value

    return value_of


def _compiled_identifiers(namespace: str, every: bool) -> _ValueOf:
    def values_of(reading: _Reading) -> object:
        values = [each.value for each in reading.activation.identifiers if each.namespace == namespace]
        if not values:
            return _MISSING
        return values if every else values[0]

    return values_of


def _compiled_text(text: Text, at: _Place) -> _ValueOf:
    template = Template.of(text.template, is_html=text.is_html)
    roots = sorted(template.roots)
    readers = [_named(root) for root in roots]

    def render(*values: object) -> tuple[str | None, str]:
        return template.render(dict(zip(roots, values, strict=True)))

    rendered = lru_cache(_KEPT)(render) if template.roots <= _REPEATED else render

    def text_of_values(reading: _Reading) -> str:
        shown, reason = rendered(*[read(reading) for read in readers])
        if shown is None:
            raise Unmappable(f"the template of {_shown(at, reading)!r} fails: {reason}")
        return shown

    return text_of_values


def _named(root: str) -> _ValueOf:
    """Return what reads a root for a template: of identifiers the first of each namespace; nothing if it is unknown."""
    if root == IDENTIFIERS:
        return lambda reading: {each.namespace: each.value for each in reversed(reading.activation.identifiers)}
    return _READERS.get(root, lambda _: None)


def _compiled_each(each: Each, at: _Place) -> _ValueOf:
    members_of = _compiled_selected(each.of)
    value_of = _compiled(each.entry, (*_within(at, "["), "]"))

    def values_of(reading: _Reading) -> object:
        members = members_of(reading)
        if not isinstance(members, list):
            return _MISSING
        outer, values = reading.item, []
        reading.numbers.append(0)
        for number, member in enumerate(members):
            reading.item, reading.numbers[-1] = member, number
            value = value_of(reading)
            if value is not _MISSING:
                values.append(value)
        reading.numbers.pop()
        reading.item = outer
        return values

    return values_of


def _compiled_made(made: Made, at: _Place) -> _ValueOf:
    of = _compiled(made.of, at)
    otherwise = None if made.otherwise is None else _compiled(made.otherwise, at)
    is_formed = made.normalise is not None or made.hash is not None

    def value_of(reading: _Reading) -> object:
        value = of(reading)
        if value is _MISSING and otherwise is not None:
            value = otherwise(reading)
        if is_formed and value is not _MISSING:
            value = _formed(value, made)
        if value is not _MISSING:
            return value
        if made.default is not None:
            return made.default.value
        if made.required:
            raise Unmappable(f"{_shown(at, reading)!r} is required and has no value")
        return _MISSING

    return value_of


def _where(when: When, value_of: _ValueOf) -> _ValueOf:
    """Return what reads a value of those activations alone that an entry is for."""
    if when == When():
        return value_of
    return lambda reading: value_of(reading) if when.holds(reading.activation) else _MISSING


def _formed(value: object, made: Made) -> object:
    """Return a value normalised and hashed; of a list those members of which that can be made."""
    if isinstance(value, list):
        return [formed for member in value if (formed := _formed_one(member, made)) is not _MISSING] or _MISSING
    return _formed_one(value, made)


def _formed_one(value: object, made: Made) -> object:
    if isinstance(value, dict | list):
        return _MISSING
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if made.normalise is not None:
        text = NORMALISERS[made.normalise](text)
    if not text:
        return _MISSING
    return text if made.hash is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _within(at: _Place, text: str) -> _Place:
    """Return the place of what stands within another one."""
    return (*at[:-1], (at[-1] + text).removeprefix("."))


def _shown(at: _Place, reading: _Reading) -> str:
    return at[0] + "".join(f"{number}{text}" for number, text in zip(reading.numbers, at[1:], strict=True))


def _decoded(text: str) -> object:
    if text == "{}":
        return {}
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unmappable(f"the activation holds no JSON that can be read ({type(error).__name__})") from None


def _iso(at: int) -> str:
    """Return a time (ms) as ISO 8601 in UTC, to the millisecond."""
    text = text_of(at)
    if text is None:
        raise Unmappable("the activation holds a time that no calendar has")
    return text
