"""Traits: last writer wins by (event time, source priority, message id); what they mean is left to the definitions.

Kept are the 500 traits with the newest writes, unset ones included: the same ones in whatever order events arrive.
"""

import heapq
from collections.abc import Iterable, Mapping

import msgspec

from streams.fold.state import Trait

MAX_TRAITS = 500
MAX_VALUE_BYTES = 8 * 1024
MAX_NAME_LENGTH = 256
MAX_DEPTH = 32  # so that a value that was accepted once can always be decoded again
MAX_ORDER_LENGTH = 128  # of the message id, which serves only to order two writes of the same millisecond

UNSET = "null"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, object]).decode


def parse_object(text: str) -> dict[str, object]:
    """A JSON object, or an empty one where the text is none."""
    if text == "{}":
        return {}
    try:
        return _decode_object(text)
    except (ValueError, RecursionError):
        return {}


def write(
    traits: dict[str, Trait], text: str, occurred_at: int, priority: int, message_id: str
) -> tuple[set[str], int]:
    """Apply the JSON object of an identify call; returns the names that changed and how many traits were dropped."""
    touched = set()
    dropped = 0
    for name, value in parse_object(text).items():
        encoded = _encode_value(value) if len(name) <= MAX_NAME_LENGTH else None
        if encoded is None:
            dropped += 1
            continue
        trait = Trait(occurred_at, priority, message_id[:MAX_ORDER_LENGTH], encoded)
        known = traits.get(name)
        if known is None or trait > known:
            traits[name] = trait
            touched.add(name)
    evicted = _evict(traits)
    return touched | evicted, dropped + len(evicted)


def unite(traits: dict[str, Trait], other: Mapping[str, Trait]) -> int:
    """Take over the traits of another profile; returns how many were dropped."""
    for name, trait in other.items():
        known = traits.get(name)
        if known is None or trait > known:
            traits[name] = trait
    return len(_evict(traits))


def values(traits: Mapping[str, Trait], names: Iterable[str]) -> dict[str, object]:
    """The decoded values of those named traits that are set."""
    return {
        name: _decode(trait.value) for name in names if (trait := traits.get(name)) is not None and trait.value != UNSET
    }


def render(traits: Mapping[str, Trait]) -> str:
    """A JSON object of the traits that are set, by name."""
    shown = (f"{_encode(name).decode()}:{traits[name].value}" for name in sorted(traits) if traits[name].value != UNSET)
    return "{" + ",".join(shown) + "}"


def _encode_value(value: object) -> str | None:
    if isinstance(value, dict | list) and _is_deeper(value, MAX_DEPTH):
        return None
    encoded = _encode(value)
    return encoded.decode() if len(encoded) <= MAX_VALUE_BYTES else None


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def _evict(traits: dict[str, Trait]) -> set[str]:
    surplus = len(traits) - MAX_TRAITS
    if surplus <= 0:
        return set()
    evicted = heapq.nsmallest(surplus, traits, key=lambda name: (traits[name], name))
    for name in evicted:
        del traits[name]
    return set(evicted)
