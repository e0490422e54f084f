"""What a delivery's fields are made of: the mapping of a destination, as a tree of entries.

`reading.mapping` reads one from YAML, where the notation is checked; `compiled_mapping` makes fields by it.
"""

import hashlib
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from definitions.normalising import Normalisation
from schemas.activations import Activation

Scalar: TypeAlias = str | int | float | bool | None


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="constant"):
    """A value that stands for itself, null included."""

    value: Scalar


class Selected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="selected"):
    """The value at a path, whose first name is a root (`ROOTS`); `every`: of identifiers, all of them as a list."""

    path: tuple[str, ...]
    every: bool = False


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="text"):
    """The text of a Liquid template; `is_html`: what it puts in is escaped for HTML."""

    template: str
    is_html: bool = False


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which activations an entry is for: those with one of the values in each list that is not empty."""

    change: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    name: tuple[str, ...] = ()

    def holds(self, activation: Activation) -> bool:
        """Return whether an activation is one of them."""
        said = ((self.change, activation.change), (self.kind, activation.kind), (self.name, activation.name))
        return all(not wanted or value in wanted for wanted, value in said)


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="made"):
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


class Each(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="each"):
    """A list: an entry for each member of another one, which is the root `item` there."""

    of: Selected
    entry: "Entry"
    when: When = When()


class Items(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="items"):
    """A list; what is missing is left out."""

    entries: tuple["Entry", ...]


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="fields"):
    """An object; a key whose value is missing is left out."""

    entries: tuple[tuple[str, "Entry"], ...] = ()


Entry: TypeAlias = Constant | Selected | Text | Made | Each | Items | Fields


Leaf: TypeAlias = Constant | Selected | Text


def leaves_of(entry: Entry) -> Iterator[Leaf]:
    """Yield what an entry is made of in the end."""
    match entry:
        case Made(of=of, otherwise=otherwise):
            yield from leaves_of(of)
            yield from () if otherwise is None else leaves_of(otherwise)
        case Each(of=of, entry=each):
            yield from (of, *leaves_of(each))
        case Items(entries=entries):
            yield from (leaf for each in entries for leaf in leaves_of(each))
        case Fields(entries=named):
            yield from (leaf for _, each in named for leaf in leaves_of(each))
        case _:
            yield entry


class Unmappable(Exception):
    """Nothing can be sent: a value that is required is missing, or a template fails. `detail` holds no value."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


PROFILE = "profile"
IDENTIFIERS = "identifiers"
ITEM = "item"
PROFILE_PARTS = ("id", "kind")
OPEN_ROOTS = ("traits", "payload")
"""Objects of which any part may be selected."""
_OWN = ("id", "key", "workspace", "kind", "name", "change", "cause", "version", "happened_at", "decided_at", "across")
ROOTS = (PROFILE, *OPEN_ROOTS, IDENTIFIERS, *_OWN)
"""What a path may begin with; within `each` also `item`."""

_HASH_BYTES = 16


def fingerprint(mapping: Fields) -> str:
    """Return what is another text for another mapping, and the same in every process."""
    return hashlib.blake2b(msgspec.json.encode(mapping), digest_size=_HASH_BYTES).hexdigest()
