"""A set that says more than this release understands is refused: what it leaves out would be another definition."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from definitions.model import Call, Comparison, EventCount, EventMatcher, Operator, PropertyFilter, Segment, Window
from definitions.sets import DefinitionSet, UnknownLanguage, decode_set, encode_set

FILTER = PropertyFilter(("plan",), (Comparison(Operator.EQUALS, "pro"),))
BUYERS = EventCount(EventMatcher((Call("track", "Buy"),), (FILTER,)), Window(1_000))
OF = DefinitionSet(1, 0, "me", segments=(Segment("buyers", BUYERS),))


def _objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def test_what_was_encoded_is_decoded() -> None:
    assert decode_set(encode_set(OF)) == OF


def test_a_field_of_a_newer_release_is_refused_wherever_it_stands() -> None:
    written = json.loads(encode_set(OF))
    places = [each for each in _objects(written) if each not in ({}, written["births"], written["files"])]
    assert len(places) > 6
    for place in places:
        place["unless"] = {}
        with pytest.raises(UnknownLanguage, match=r"unknown field `unless`.*begin with a new data folder, or use"):
            decode_set(json.dumps(written).encode())
        del place["unless"]


def test_every_struct_of_a_set_refuses_what_it_does_not_know() -> None:
    known = {kind.cls for kind in _types(msgspec.inspect.type_info(DefinitionSet))}
    assert {DefinitionSet, Comparison, Segment} <= known
    assert [each.__name__ for each in known if not each.__struct_config__.forbid_unknown_fields] == []


def _types(root: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StructType]:
    """The structs that a type is made of; several are made of each other."""
    met: dict[int, object] = {}
    waiting: list[object] = [root]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, tuple):
            waiting += kind
        elif isinstance(kind, msgspec.inspect.Type | msgspec.inspect.Field) and id(kind) not in met:
            met[id(kind)] = kind
            waiting += [getattr(kind, name) for name in kind.__struct_fields__]
            if isinstance(kind, msgspec.inspect.StructType):
                yield kind
