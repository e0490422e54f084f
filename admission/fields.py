"""Fields of a call, read as leniently as Segment's API does: null and blank mean absent, a number may be a text."""

import msgspec

from admission.json_text import JsonObject, JsonValue
from admission.rejection import Rejection


def read_text(call: JsonObject, name: str, path: str = "") -> str | None:
    """Read a text, stripped; None if absent, null or blank. Raises Rejection for anything else than text or number."""
    value = call.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        if not _is_encodable(value):
            raise Rejection("invalid_value", "holds half of a surrogate pair (\\ud800 to \\udfff)", f"{path}{name}")
        return value.strip() or None
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Rejection("invalid_type", f"expected text, found {kind_of(value)}", f"{path}{name}")


def read_object(call: JsonObject, name: str, path: str = "") -> JsonObject:
    """Read an object; empty if absent or null. Raises Rejection for anything else."""
    value = call.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
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
    return "an object" if isinstance(value, dict) else "a number"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
