"""One definition to one part of the model; what several of them say together is checked by `references`."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from definitions.destinations import TOPIC, Destination
from definitions.model import AcrossTrigger, EventMatcher, Segment, Trait, Trigger
from definitions.paths import path_text, quoted_path
from definitions.reading.across import read_across
from definitions.reading.conditions import read_condition
from definitions.reading.events import read_nested_events
from definitions.reading.fields import optional_names, optional_text, refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import DESTINATION, SEGMENT, TRAIT, TRIGGER, Keys
from definitions.reading.names import read_name, read_narrow_name, read_trait_path
from definitions.reading.nodes import FileReport, MappingNode, Node, Reference
from definitions.reading.scalars import read_bool, read_choice, read_duration, read_text
from definitions.reading.traits import read_value
from definitions.reading.triggers import ONCE, read_payload, read_quiet_hours
from definitions.templates import ACROSS_FIELDS, FIELDS, WITHOUT_EVENT
from runtime.hints import did_you_mean
from schemas.records import ProfileKind

KINDS: tuple[ProfileKind, ...] = ("person", "device")
MAX_TRAITS_OF_DESTINATION = 100
OF_PROFILES = ("on", "when", "once", "quiet_hours", "kind")
DESTINATION_TYPES = (TOPIC,)

Defined: TypeAlias = Segment | Destination | Trait | Trigger | AcrossTrigger
ReadName: TypeAlias = Callable[[Node, str, FileReport], str | None]


class Parsed(msgspec.Struct, frozen=True):
    """A definition by its name, with that of its node, and what it refers to; `defined` is None if it is wrong."""

    name: str
    node: Node
    defined: Defined | None
    references: tuple[Reference, ...]


class _Head(msgspec.Struct, frozen=True):
    """What all definitions of profiles have; None where it is wrong."""

    name: str | None
    title: str
    description: str
    workspaces: tuple[str, ...]
    kind: ProfileKind | None


def read_segment(node: Node, report: FileReport) -> Parsed | None:
    """Read a definition in `segments/`; None with a finding where not even its name can be read."""
    return _read(node, "segment", SEGMENT, _segment, read_name, report)


def read_trait(node: Node, report: FileReport) -> Parsed | None:
    """Read a definition in `traits/`; None with a finding where not even its name can be read."""
    return _read(node, "trait", TRAIT, _trait, read_name, report)


def read_trigger(node: Node, report: FileReport) -> Parsed | None:
    """Read a definition in `triggers/`; None with a finding where not even its name can be read."""
    return _read(node, "trigger", TRIGGER, _trigger, read_name, report)


def read_destination(node: Node, report: FileReport) -> Parsed | None:
    """Read a definition in `destinations/`; None with a finding where not even its name can be read."""
    return _read(node, "destination", DESTINATION, _destination, read_narrow_name, report)


def _read(  # noqa: PLR0913, PLR0917 - one kind of definitions
    node: Node,
    kind: str,
    keys: Keys,
    build: Callable[[MappingNode, _Head, FileReport], Defined | None],
    read: ReadName,
    report: FileReport,
) -> Parsed | None:
    if not isinstance(node, MappingNode):
        hint = f"start with `{kind}: its_name`; several in one file make a list: `- {kind}: its_name`"
        report.add(node, f"expected a {kind} as a mapping", hint)
        return None
    errors, references = len(report.errors), len(report.references)
    refuse_unknown_keys(node, keys, f"a {kind}", report)
    name_node = required_value(node, kind, f"a {kind}", f"its name: `{kind}: its_name`", report)
    name = None if name_node is None else read(name_node, f"the {kind}'s name", report)
    title = optional_text(node, "title", name or "", report)
    description = optional_text(node, "description", "", report)
    workspaces = tuple(sorted(optional_names(node, "workspaces", read_text, report)))
    head = _Head(name, title, description, workspaces, _kind(node, kind, report))
    defined = build(node, head, report)
    if name is None:
        return None
    is_right = len(report.errors) == errors
    return Parsed(name, node.entries[kind][1], defined if is_right else None, tuple(report.references[references:]))


def _segment(node: MappingNode, head: _Head, report: FileReport) -> Segment | None:
    destinations = _read_destinations(node, report)
    hint = "the condition that members fulfil, such as `when: {event: Order Completed, within: 30d}`"
    when_node = required_value(node, "when", "a segment", hint, report)
    when = None if when_node is None else read_condition(when_node, report)
    if when is None or head.name is None or head.kind is None:
        return None
    return Segment(head.name, when, head.title, head.description, head.workspaces, destinations, head.kind)


def _trait(node: MappingNode, head: _Head, report: FileReport) -> Trait | None:
    value = read_value(node, head.name, report)
    if value is None or head.name is None or head.kind is None:
        return None
    return Trait(head.name, value, head.title, head.description, head.workspaces, head.kind)


def _trigger(node: MappingNode, head: _Head, report: FileReport) -> Trigger | AcrossTrigger | None:
    destinations = _read_destinations(node, report)
    if "across" in node.entries:
        return _across_trigger(node, head, destinations, report)
    on_node, when_node = value_of(node, "on"), value_of(node, "when")
    if on_node is None and when_node is None:
        report.add(node, "a trigger needs 'on', 'when' or 'across'", "for example `on: {event: Payment Failed}`")
    on: EventMatcher | None = None if on_node is None else read_nested_events(on_node, "'on'", report)
    when = None if when_node is None else read_condition(when_node, report)
    cool_down, once_node, quiet, payload = (
        value_of(node, key) for key in ("cool_down", "once", "quiet_hours", "payload")
    )
    once_word = None if once_node is None else read_choice(once_node, "'once'", ONCE, report)
    if head.name is None or head.kind is None:
        return None
    return Trigger(
        head.name,
        on,
        when,
        None if cool_down is None else read_duration(cool_down, "'cool_down'", report),
        next((once for once in ONCE if once == once_word), None),
        None if quiet is None else read_quiet_hours(quiet, report),
        () if payload is None else read_payload(payload, FIELDS if on_node is not None else WITHOUT_EVENT, report),
        head.title,
        head.description,
        head.workspaces,
        destinations,
        head.kind,
    )


def _across_trigger(
    node: MappingNode, head: _Head, destinations: tuple[str, ...], report: FileReport
) -> AcrossTrigger | None:
    for key in OF_PROFILES:
        if key in node.entries:
            message = f"{key!r} beside 'across': it is of one profile, and this trigger is about none"
            report.add(node.entries[key][0], message, "remove one of the two")
    cool_down, payload = value_of(node, "cool_down"), value_of(node, "payload")
    cool_down_ms = None if cool_down is None else read_duration(cool_down, "'cool_down'", report)
    texts = () if payload is None else read_payload(payload, ACROSS_FIELDS, report)
    across = read_across(node.entries["across"][1], report)
    if across is None or head.name is None:
        return None
    return AcrossTrigger(
        head.name,
        across.events,
        across.within_ms,
        across.at_least,
        across.same,
        across.exceeds,
        across.counts,
        cool_down_ms,
        texts,
        head.title,
        head.description,
        head.workspaces,
        destinations,
    )


def _destination(node: MappingNode, head: _Head, report: FileReport) -> Destination | None:
    type_node, late_node, coalesce_node = (value_of(node, key) for key in ("type", "not_older_than", "coalesce"))
    type_name = None if type_node is None else read_text(type_node, "'type'", report)
    if type_node and type_name and type_name not in DESTINATION_TYPES:
        report.add(type_node, f"there is no destination type {type_name!r}", did_you_mean(type_name, DESTINATION_TYPES))
    traits = optional_names(node, "traits", _read_trait_name, report)
    if len(traits) > MAX_TRAITS_OF_DESTINATION:
        report.add(node.entries["traits"][1], f"more than {MAX_TRAITS_OF_DESTINATION} traits", "send fewer")
    for name, name_node in traits.items():
        report.references.append(Reference("trait", (name,), name_node.line, name_node.column))
    late_ms = None if late_node is None else read_duration(late_node, "'not_older_than'", report)
    coalesces = coalesce_node is not None and read_bool(coalesce_node, "'coalesce'", report) is True
    if head.name is None:
        return None
    return Destination(
        head.name,
        head.title,
        head.description,
        traits=tuple(traits),
        not_older_than_ms=late_ms,
        coalesces=coalesces,
    )


def _read_trait_name(node: Node, what: str, report: FileReport) -> str | None:
    path = read_trait_path(node, what, report)
    if path is not None and len(path) > 1:
        hint = rf"send the whole trait: {path_text(path[:1])}; a dot of a name itself is written \."
        report.add(node, f"{what} leads into a trait: {quoted_path(path)}", hint)
        return None
    return None if path is None else path[0]


def _read_destinations(node: MappingNode, report: FileReport) -> tuple[str, ...]:
    destinations = optional_names(node, "destinations", read_narrow_name, report)
    for name, name_node in destinations.items():
        report.references.append(Reference("destination", (name,), name_node.line, name_node.column))
    return tuple(sorted(destinations))


def _kind(mapping: MappingNode, of: str, report: FileReport) -> ProfileKind | None:
    """Return the kind of profiles that a definition is of: persons if it does not say."""
    node = value_of(mapping, "kind")
    if node is None:
        return "person"
    text = read_text(node, "'kind'", report)
    kind = next((kind for kind in KINDS if kind == text), None)
    if text == "account":
        report.add(node, f"{of}s of accounts are not supported yet", f"supported: {', '.join(KINDS)}")
    elif text is not None and kind is None:
        report.add(node, f"there is no kind of profiles {text!r}", did_you_mean(text, KINDS))
    return kind
