"""The schema of a receiver's options: of any struct of `definitions.receivers`, by what its annotations say."""

from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import msgspec

from definitions.reading.options import MAX_ELEMENTS, MAX_OPTION, types_of
from definitions.receivers.kinds import DURATION_END, key_of, meanings
from definitions.receivers.values import Secret
from definitions.schema.forms import BOOLEAN, DURATION, Properties, Schema, object_of

_SECRET_KEYS = {
    "env": "The environment variable of the deliverer that holds the secret.",
    "file": "The file that holds the secret and nothing else.",
}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_LENGTHS = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
_TEXT: Schema = {"type": "string", "maxLength": MAX_OPTION}


def option_properties(struct: type[msgspec.Struct]) -> Properties:
    """Return the form of each key."""
    types = types_of(struct)
    return {
        key_of(name): DURATION if name.endswith(DURATION_END) else _form(types[name])
        for name in struct.__struct_fields__
    }


def required_keys(struct: type[msgspec.Struct]) -> list[str]:
    """Return the keys that may not be left out."""
    return [key_of(field.name) for field in msgspec.structs.fields(struct) if field.required]


def _form(kind: object) -> Schema:  # noqa: PLR0911 - one for each type
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _form(arguments[0]) | _limits(arguments[1:])
    if origin in {Union, UnionType}:
        return {"anyOf": [_form(each) for each in arguments if each is not NoneType]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "maxItems": MAX_ELEMENTS, "items": _form(arguments[0])}
    if origin is dict:
        return {"type": "object", "maxProperties": MAX_ELEMENTS, "additionalProperties": _form(arguments[1])}
    if kind is Secret:
        return object_of(_SECRET_KEYS, {"env": _TEXT, "file": _TEXT}, most=1)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return object_of(meanings(kind), option_properties(kind), required_keys(kind))
    if kind is bool:
        return BOOLEAN
    return {"type": "integer" if kind is int else "number"} if kind in {int, float} else _TEXT


def _limits(metas: tuple[object, ...]) -> Schema:
    limits: Schema = {}
    for meta in metas:
        for name, word in (_LIMITS | _LENGTHS).items():
            limit = getattr(meta, name, None)
            if limit is not None:
                limits[word] = limit
    return limits
