"""Says which keys of a destination's file say something else; never their values, of which some are secret. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from definitions.destinations import Checks, Destination, SendingPace
from definitions.mapping import Fields
from definitions.receivers.kinds import key_of

_KEYS = {"hold_out_permille": "hold_out", "coalesces": "coalesce"}
"""Of fields that are called otherwise than the keys of the file; beside those that end in a unit."""
_OWN = frozenset({"name", "title", "description", "receiver", "mapping"})
"""Fields that are no key whose value matters, or have keys of their own."""


def changed_keys(former: Destination, new: Destination) -> tuple[str, ...]:
    """Return the keys by which two destinations differ, those of the mapping as `mapping.FIELD`."""
    keys = [*_of_receivers(former, new)]
    if former.mapping != new.mapping:
        keys += _of_mappings(former.mapping, new.mapping)
    keys += [_KEYS.get(field, key_of(field)) for field in _differing(former, new) if field not in _OWN]
    return tuple(keys)


def _of_receivers(former: Destination, new: Destination) -> Iterator[str]:
    if former.receiver is None or type(former.receiver) is not type(new.receiver):
        if former.type != new.type:
            yield "type"
        return
    yield from map(key_of, _differing(former.receiver, new.receiver))


def _of_mappings(former: Fields, new: Fields) -> list[str]:
    before, after = _by_name(former), _by_name(new)
    names = dict.fromkeys((*before, *after))
    return [f"mapping.{name}" for name in names if before.get(name) != after.get(name)] or ["mapping"]


def _by_name(fields: Fields) -> Mapping[str, object]:
    return dict(fields.entries)


def _differing(former: msgspec.Struct, new: object) -> Iterator[str]:
    """Yield the fields by which two differ, those of checks and pace as if they were the destination's own."""
    for field in former.__struct_fields__:
        before, after = getattr(former, field), getattr(new, field)
        if isinstance(before, Checks | SendingPace):
            yield from _differing(before, after)
        elif before != after:
            yield field
