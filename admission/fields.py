"""Fields of a call, read as leniently as Segment's API does: null and blank mean absent, a number may be a text."""

import msgspec

from admission.json_text import JsonObject, JsonValue, NoNumber, repeated_keys
from admission.rejection import Rejection
from admission.repairs import Repairs


def read_text(call: JsonObject, name: str) -> str | None:
    """Read a text, stripped; None if absent, null or blank. Raises Rejection for anything else than text or number.

    It may hold halves of surrogate pairs.
    """
    value = call.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Rejection("invalid_type", f"expected text, found {kind_of(value)}", name)


def read_object(call: JsonObject, name: str, repairs: Repairs, path: str = "") -> JsonObject:
    """Read an object; empty if absent, null, an empty list, or blank text. Raises Rejection for anything else."""
    value = call.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        for key in repeated_keys(value):
            repairs.add(f"{path}{name}.{key}", "repeated_key")
        return value
    if value == [] or (isinstance(value, str) and not value.strip()):
        repairs.add(f"{path}{name}", "empty_list" if value == [] else "empty_text")
        return {}
    raise Rejection("invalid_type", f"expected an object, found {kind_of(value)}", f"{path}{name}")


def kind_of(value: JsonValue) -> str:
    """Return what JSON calls a value, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, NoNumber):
        return value.written[:50]
    return "an object" if isinstance(value, dict) else "a number"
