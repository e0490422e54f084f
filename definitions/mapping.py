"""What a delivery's fields are made of: the mapping of a destination, and the pure function from it to the fields.

`reading.mapping` reads one from YAML, where the notation is checked. The same mapping and activation give the same
fields whenever and wherever they are computed: no clock, no chance, no attempt has a part in them.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from definitions.normalising import NORMALISERS, Normalisation
from definitions.templates import Template
from schemas.activations import Activation

Scalar: TypeAlias = str | int | float | bool | None


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """A value that stands for itself, null included."""

    value: Scalar


class Selected(msgspec.Struct, frozen=True, tag="selected"):
    """The value at a path, whose first name is a root (`ROOTS`); `every`: of identifiers, all of them as a list."""

    path: tuple[str, ...]
    every: bool = False


class Text(msgspec.Struct, frozen=True, tag="text"):
    """The text of a Liquid template; `is_html`: what it puts in is escaped for HTML."""

    template: str
    is_html: bool = False


class When(msgspec.Struct, frozen=True):
    """Which activations an entry is for: those with one of the values in each list that is not empty."""

    change: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    name: tuple[str, ...] = ()

    def holds(self, activation: Activation) -> bool:
        """Return whether an activation is one of them."""
        said = ((self.change, activation.change), (self.kind, activation.kind), (self.name, activation.name))
        return all(not wanted or value in wanted for wanted, value in said)


class Made(msgspec.Struct, frozen=True, tag="made"):
    """A value that is normalised, then hashed; of a list each member is.

    `otherwise` is taken where the first has no value, `default` where none has, as it is. `required`: without a value
    nothing can be sent.
    """

    of: "Entry"
    normalise: Normalisation | None = None
    hash: Literal["sha256"] | None = None
    default: Constant | None = None
    required: bool = False
    when: When = When()
    otherwise: "Entry | None" = None


class Each(msgspec.Struct, frozen=True, tag="each"):
    """A list: an entry for each member of another one, which is the root `item` there."""

    of: Selected
    entry: "Entry"
    when: When = When()


class Items(msgspec.Struct, frozen=True, tag="items"):
    """A list; what is missing is left out."""

    entries: tuple["Entry", ...]


class Fields(msgspec.Struct, frozen=True, tag="fields"):
    """An object; a key whose value is missing is left out."""

    entries: tuple[tuple[str, "Entry"], ...] = ()


Entry: TypeAlias = Constant | Selected | Text | Made | Each | Items | Fields


class Unmappable(Exception):
    """Nothing can be sent: a value that is required is missing, or a template fails. `detail` holds no value."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


_SINGLE: Mapping[str, Callable[[Activation, str], object]] = {
    "id": lambda activation, _: activation.activation_id,
    "key": lambda _, key: key,
    "workspace": lambda activation, _: activation.workspace,
    "kind": lambda activation, _: activation.kind,
    "name": lambda activation, _: activation.name,
    "change": lambda activation, _: activation.change,
    "cause": lambda activation, _: activation.cause,
    "version": lambda activation, _: activation.version,
    "happened_at": lambda activation, _: _iso(activation.happened_at),
    "decided_at": lambda activation, _: _iso(activation.decided_at),
    "across": lambda activation, _: None if activation.across is None else _decoded(activation.across),
}
_OBJECTS: Mapping[str, Callable[[Activation], Mapping[str, object]]] = {
    "profile": lambda activation: {"id": activation.profile_id, "kind": activation.profile_kind},
    "traits": lambda activation: _object(activation.traits),
    "payload": lambda activation: _object(activation.payload),
}
IDENTIFIERS = "identifiers"
ITEM = "item"
PROFILE_PARTS = ("id", "kind")
OPEN_ROOTS = ("traits", "payload")
"""Objects of which any part may be selected."""
ROOTS = (*_OBJECTS, IDENTIFIERS, *_SINGLE)
"""What a path may begin with; within `each` also `item`."""


class _Missing:
    """That there is no value."""


_MISSING = _Missing()
_HASH_BYTES = 16
_REPEATED = frozenset({"workspace", "kind", "name", "change"})
"""Of these there are few values: a template that reads nothing else is rendered once for each."""
_KEPT = 1_024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fields_of(mapping: Fields, activation: Activation, key: str) -> dict[str, object]:
    """Return what a destination is sent of an activation under a key, ready for JSON. Raises Unmappable."""
    return _Reading(activation, key).object_of(mapping, "")


def fingerprint(mapping: Fields) -> str:
    """Return what is another text for another mapping, and the same in every process."""
    return hashlib.blake2b(msgspec.json.encode(mapping), digest_size=_HASH_BYTES).hexdigest()


def _render(template: str, is_html: bool, named: Iterable[tuple[str, object]]) -> tuple[str | None, str]:
    return Template.of(template, is_html=is_html).render(dict(named))


_rendered_again = lru_cache(_KEPT)(_render)


class _Reading:
    """One activation, of which each open part is decoded once, and only if it is asked for."""

    def __init__(self, activation: Activation, key: str) -> None:
        self._activation = activation
        self._key = key
        self._objects: dict[str, Mapping[str, object]] = {}
        self._item: object = None

    def object_of(self, fields: Fields, at: str) -> dict[str, object]:
        """Return the fields that have a value; `at`: where they stand, for an error."""
        values = ((name, self._value(entry, f"{at}.{name}" if at else name)) for name, entry in fields.entries)
        return {name: value for name, value in values if not isinstance(value, _Missing)}

    def _value(self, entry: Entry, at: str) -> object:  # noqa: PLR0911 - one for each form
        match entry:
            case Constant(value):
                return value
            case Selected():
                return self._selected(entry)
            case Text(template, is_html):
                return self._rendered(template, is_html, at)
            case Made():
                return self._made(entry, at) if entry.when.holds(self._activation) else _MISSING
            case Each():
                return self._each(entry, at) if entry.when.holds(self._activation) else _MISSING
            case Items(entries):
                return self._list(entries, at)
            case Fields():
                return self.object_of(entry, at)

    def _list(self, entries: tuple[Entry, ...], at: str) -> list[object]:
        values = (self._value(each, f"{at}[{number}]") for number, each in enumerate(entries))
        return [value for value in values if not isinstance(value, _Missing)]

    def _selected(self, selected: Selected) -> object:
        root, *rest = selected.path
        if root == IDENTIFIERS:
            return self._identifiers(rest[0], every=selected.every) if rest else self._all_identifiers()
        single = _SINGLE.get(root)
        value = self._item if root == ITEM else single(self._activation, self._key) if single else self._object(root)
        for name in rest:
            value = value.get(name) if isinstance(value, Mapping) else None
        return _MISSING if value is None else value

    def _identifiers(self, namespace: str, *, every: bool) -> object:
        values = [each.value for each in self._activation.identifiers if each.namespace == namespace]
        if not values:
            return _MISSING
        return values if every else values[0]

    def _all_identifiers(self) -> dict[str, list[str]]:
        values: dict[str, list[str]] = {}
        for identifier in self._activation.identifiers:
            values.setdefault(identifier.namespace, []).append(identifier.value)
        return values

    def _object(self, root: str) -> Mapping[str, object]:
        if root not in self._objects:
            self._objects[root] = _OBJECTS[root](self._activation)
        return self._objects[root]

    def _rendered(self, template: str, is_html: bool, at: str) -> str:
        roots = Template.of(template, is_html=is_html).roots
        if roots <= _REPEATED:
            named = tuple((root, str(_SINGLE[root](self._activation, self._key))) for root in roots)
            text, reason = _rendered_again(template, is_html, named)
        else:
            text, reason = _render(template, is_html, ((root, self._named(root)) for root in roots))
        if text is None:
            raise Unmappable(f"the template of {at!r} fails: {reason}")
        return text

    def _named(self, root: str) -> object:
        """Return what a template knows by a name; nothing by one that is unknown."""
        if root in _SINGLE:
            return _SINGLE[root](self._activation, self._key)
        if root in _OBJECTS:
            return self._object(root)
        if root == IDENTIFIERS:
            return {each.namespace: each.value for each in reversed(self._activation.identifiers)}
        return self._item if root == ITEM else None

    def _each(self, each: Each, at: str) -> object:
        members = self._selected(each.of)
        if not isinstance(members, list):
            return _MISSING
        outer, values = self._item, []
        for number, member in enumerate(members):
            self._item = member
            value = self._value(each.entry, f"{at}[{number}]")
            if not isinstance(value, _Missing):
                values.append(value)
        self._item = outer
        return values

    def _made(self, made: Made, at: str) -> object:
        value = self._value(made.of, at)
        if isinstance(value, _Missing) and made.otherwise is not None:
            value = self._value(made.otherwise, at)
        if isinstance(value, list) and (made.normalise or made.hash):
            members = [_made_of(member, made) for member in value]
            value = [member for member in members if not isinstance(member, _Missing)] or _MISSING
        elif not isinstance(value, _Missing):
            value = _made_of(value, made)
        if isinstance(value, _Missing) and made.default is not None:
            value = made.default.value
        if isinstance(value, _Missing) and made.required:
            raise Unmappable(f"{at!r} is required and has no value")
        return value


def _made_of(value: object, made: Made) -> object:
    if made.normalise is None and made.hash is None:
        return value
    if isinstance(value, dict | list):
        return _MISSING
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if made.normalise is not None:
        text = NORMALISERS[made.normalise](text)
    if not text:
        return _MISSING
    return text if made.hash is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _object(text: str) -> Mapping[str, object]:
    value = _decoded(text)
    return value if isinstance(value, dict) else {}


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unmappable(f"the activation holds no JSON that can be read ({type(error).__name__})") from None


def _iso(at: int) -> str:
    """Return a time (ms) as ISO 8601 in UTC, to the millisecond."""
    try:
        moment = _EPOCH + timedelta(milliseconds=at)
    except OverflowError:
        raise Unmappable("the activation holds a time that no calendar has") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
