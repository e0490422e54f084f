"""One definition to one segment or destination; that names are unique and destinations exist is checked by `folder`."""

from typing import get_args, get_type_hints

import msgspec

from definitions.model import Destination, Segment
from definitions.reading.conditions import read_condition
from definitions.reading.fields import optional_names, optional_text, refuse_unknown_keys, required_value, value_of
from definitions.reading.nodes import FileReport, MappingNode, Node
from definitions.reading.scalars import read_name, read_text
from runtime.hints import did_you_mean
from schemas.records import ProfileKind

_SEGMENT_KEYS = ("segment", "kind", "title", "description", "workspaces", "when", "destinations")
_KINDS: tuple[ProfileKind, ...] = ("person", "device")
_DESTINATION_KEYS = ("destination", "title", "description", "type")
_DESTINATION_TYPES: tuple[str, ...] = get_args(get_type_hints(Destination)["type"])


class Parsed(msgspec.Struct, frozen=True):
    """A definition by its name, with the nodes of name and destinations; `defined` is None if it is wrong."""

    name: str
    node: Node
    defined: Segment | Destination | None
    destinations: dict[str, Node]


def read_segment(node: Node, report: FileReport) -> Parsed | None:
    """A definition in `segments/`; None with a finding where not even its name can be read."""
    mapping = _mapping(node, "segment", _SEGMENT_KEYS, report)
    if mapping is None:
        return None
    name = _name(mapping, "segment", report)
    title = optional_text(mapping, "title", name or "", report)
    description = optional_text(mapping, "description", "", report)
    workspaces = optional_names(mapping, "workspaces", read_text, report)
    destinations = optional_names(mapping, "destinations", read_name, report)
    kind = _kind(mapping, report)
    hint = "the condition that members fulfil, such as `when: {event: Order Completed, within: 30d}`"
    when_node = required_value(mapping, "when", "a segment", hint, report)
    when = None if when_node is None else read_condition(when_node, report)
    if name is None:
        return None
    segment = None
    if when is not None and kind is not None:
        segment = Segment(name, when, title, description, tuple(sorted(workspaces)), tuple(sorted(destinations)), kind)
    return Parsed(name, mapping.entries["segment"][1], segment, destinations)


def read_destination(node: Node, report: FileReport) -> Parsed | None:
    """A definition in `destinations/`; None with a finding where not even its name can be read."""
    mapping = _mapping(node, "destination", _DESTINATION_KEYS, report)
    if mapping is None:
        return None
    name = _name(mapping, "destination", report)
    title = optional_text(mapping, "title", name or "", report)
    description = optional_text(mapping, "description", "", report)
    type_node = value_of(mapping, "type")
    type_name = None if type_node is None else read_text(type_node, "'type'", report)
    if type_node and type_name and type_name not in _DESTINATION_TYPES:
        report.add(
            type_node, f"there is no destination type {type_name!r}", did_you_mean(type_name, _DESTINATION_TYPES)
        )
    if name is None:
        return None
    return Parsed(name, mapping.entries["destination"][1], Destination(name, title, description), {})


def _mapping(node: Node, kind: str, allowed: tuple[str, ...], report: FileReport) -> MappingNode | None:
    if isinstance(node, MappingNode):
        refuse_unknown_keys(node, allowed, f"a {kind}", report)
        return node
    hint = f"start with `{kind}: its_name`; several in one file make a list: `- {kind}: its_name`"
    report.add(node, f"expected a {kind} as a mapping", hint)
    return None


def _name(mapping: MappingNode, kind: str, report: FileReport) -> str | None:
    node = required_value(mapping, kind, f"a {kind}", f"its name: `{kind}: its_name`", report)
    return None if node is None else read_name(node, f"the {kind}'s name", report)


def _kind(mapping: MappingNode, report: FileReport) -> ProfileKind | None:
    """Return the kind of profiles that a segment is of: persons if it does not say."""
    node = value_of(mapping, "kind")
    if node is None:
        return "person"
    text = read_text(node, "'kind'", report)
    kind = next((kind for kind in _KINDS if kind == text), None)
    if text == "account":
        report.add(node, "segments of accounts are not supported yet", f"supported: {', '.join(_KINDS)}")
    elif text is not None and kind is None:
        report.add(node, f"there is no kind of profiles {text!r}", did_you_mean(text, _KINDS))
    return kind
