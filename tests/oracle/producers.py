"""Events as producers on Kafka write them that know neither the rules of identifiers nor our keys and JSON."""

import zlib

import msgspec

from schemas.identity import identifier_key
from schemas.records import Event, Identifier

_OBJECTS = ('{{{0}, "missing": NaN}}', "{{{0},}}", "{{{0}, {0}}}")
_EMPTY_OBJECTS = ("[]", "", "null", '{"missing": Infinity}', "{}")


def as_written(event: Event) -> tuple[bytes | None, Event]:
    """Return a key, and an event that means the same; each message is always written in the same way.

    An event whose ordinal is set stays as it is: RESOLVE does not look at it.
    """
    way = zlib.crc32(event.message_id.encode())
    if event.ordinal or way % 3 == 0:
        return identifier_key(event.workspace, event.identifiers[0]), event
    identifiers = tuple(_spelt(identifier, way) for identifier in event.identifiers)
    if way % 2:
        identifiers = identifiers[::-1]
    written = msgspec.structs.replace(
        event,
        identifiers=identifiers,
        properties=_object(event.properties, way),
        traits=_object(event.traits, way),
        context=_object(event.context, way),
    )
    keys = (identifier_key(event.workspace, identifiers[0]), None, event.source.encode())
    return keys[way // 2 % len(keys)], written


def _spelt(identifier: Identifier, way: int) -> Identifier:
    value = identifier.value
    match identifier.namespace:
        case "email":
            value = value.upper()
        case "phone":
            value = f"{value[:3]} {value[3:6]} {value[6:]}"
        case "user_id" if value.isdecimal():
            value = f"{value}.0"
    return Identifier(identifier.namespace, f" {value} " if way % 5 else value)


def _object(text: str, way: int) -> str:
    if text == "{}":
        return _EMPTY_OBJECTS[way % len(_EMPTY_OBJECTS)]
    return _OBJECTS[way % len(_OBJECTS)].format(text[1:-1])
