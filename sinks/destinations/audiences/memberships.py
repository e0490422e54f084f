"""Reads what a mapping made for audiences and contacts: rows of hashes, and the property of a segment. Pure."""

import re
from collections.abc import Mapping, Sequence

from definitions.receivers.audiences import name_of_segment, part_of_name
from schemas.activations import Activation
from sinks.destinations.contract import Refused

HASH_LENGTH = 64
MAX_VALUES = 100
"""Of one field of one person."""

_HASH = re.compile(r"\A[0-9a-f]{64}\Z")


class Unsendable(Exception):
    """A delivery cannot be sent as it is; the text names the field, never its value."""

    def refused(self) -> Refused:
        """Return the outcome that says so."""
        return Refused("unmappable", str(self))


def audience_of(activation: Activation, audience: str, audiences: Mapping[str, str]) -> str:
    """Return the audience that an activation changes. Raises Unsendable if there is none."""
    if activation.kind != "segment":
        raise Unsendable(f"{activation.name} is a trigger: nobody is in it, so that it has no audience")
    chosen = audiences.get(activation.name) or audience
    if not chosen:
        raise Unsendable(f"no audience is given for segment {activation.name}: add it to `audiences`")
    return chosen


def texts_of(fields: Mapping[str, object], name: str) -> list[str]:
    """Return the texts of a field: none, one, or those of a list. Raises Unsendable for anything else."""
    value = fields.get(name)
    values: Sequence[object] = value if isinstance(value, list | tuple) else () if value is None else (value,)
    texts = []
    for member in values:
        if isinstance(member, bool) or not isinstance(member, str | int | float):
            raise Unsendable(f"{name} is neither a text nor a list of texts")
        texts.append(plain(str(member)))
    if len(texts) > MAX_VALUES:
        raise Unsendable(f"{name} has more than {MAX_VALUES} values")
    return [text for text in dict.fromkeys(texts) if text]


def hashes_of(fields: Mapping[str, object], name: str) -> list[str]:
    """Return the hashes of a field. Raises Unsendable for whatever is no SHA-256 in lower-case hex."""
    hashes = texts_of(fields, name)
    if not all(map(_HASH.match, hashes)):
        raise Unsendable(f"{name} is not hashed: write `hash: sha256` into its mapping")
    return hashes


def membership_of(fields: Mapping[str, object], pattern: str) -> dict[str, object]:
    """Return the property that says whether a person is in the segment: empty without `segment` and `change`.

    Raises Unsendable for a name of which nothing can stand in that of a property: all such would be one.
    """
    segment, change = fields.get("segment"), fields.get("change")
    if change not in ("entered", "exited") or not isinstance(segment, str) or not segment:
        return {}
    if "{segment}" in pattern and not part_of_name(segment):
        raise Unsendable("segment has no ASCII letter or digit in its name: name the property without `{segment}`")
    return {name_of_segment(pattern, segment): change == "entered"}


def section_of(fields: Mapping[str, object], name: str) -> dict[str, object]:
    """Return an object among the fields. Raises Unsendable if it is none."""
    value = fields.get(name, {})
    if not isinstance(value, Mapping):
        raise Unsendable(f"{name} is not an object of names and values")
    return {plain(str(key)): member for key, member in value.items()}


def plain(text: str) -> str:
    """Return a text that can be written as UTF-8: half of a character, as some phones send it, becomes a `?`."""
    return text if text.isascii() else text.encode(errors="replace").decode()
