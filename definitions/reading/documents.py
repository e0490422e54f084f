"""One definition to one part of the model; what several of them say together is checked by `references`."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from definitions.destinations import Destination
from definitions.model import AcrossTrigger, EventMatcher, Segment, Trait, Trigger
from definitions.reading.across import read_across
from definitions.reading.conditions import read_condition
from definitions.reading.destinations import Titled, read_receiving
from definitions.reading.events import read_nested_events
from definitions.reading.fields import optional_names, optional_text, refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import COUNT, MEASURES, OPERATORS, SEGMENT, TRAIT, TRIGGER, Keys
from definitions.reading.names import read_name, read_narrow_name
from definitions.reading.nodes import FileReport, MappingNode, Node, Reference
from definitions.reading.scalars import read_choice, read_duration, read_text
from definitions.reading.traits import read_value
from definitions.reading.triggers import ONCE, read_payload, read_quiet_hours
from definitions.templates import ACROSS_FIELDS, FIELDS, WITHOUT_EVENT
from runtime.hints import did_you_mean
from schemas.records import ProfileKind

KINDS: tuple[ProfileKind, ...] = ("person", "device")
_OF_WHEN = dict.fromkeys(
    (*COUNT, *MEASURES, *OPERATORS),
    "`on` is one event that fires it; how many there are is a condition beside it: "
    "`when: {event: Buy, within: 7d, at_least: 3}`",
)
OF_PROFILES = ("on", "when", "once", "quiet_hours", "kind")

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
    return _read(node, "destination", None, _destination, read_narrow_name, report)


def _read(  # noqa: PLR0913, PLR0917 - one kind of definitions
    node: Node,
    kind: str,
    keys: Keys | None,
    build: Callable[[MappingNode, _Head, FileReport], Defined | None],
    read: ReadName,
    report: FileReport,
) -> Parsed | None:
    if not isinstance(node, MappingNode):
        hint = f"start with `{kind}: its_name`; several in one file make a list: `- {kind}: its_name`"
        report.add(node, f"expected a {kind} as a mapping", hint)
        return None
    errors, references = len(report.errors), len(report.references)
    if keys is not None:  # else they depend on others, and `build` refuses
        refuse_unknown_keys(node, keys, f"a {kind}", report)
    name_node = required_value(node, kind, f"a {kind}", f"its name: `{kind}: its_name`", report)
    name = None if name_node is None else read(name_node, f"the {kind}'s name", report)
    title = optional_text(node, "title", name or "", report)
    description = optional_text(node, "description", "", report)
    workspaces = tuple(sorted(optional_names(node, "workspaces", read_text, report)))
    head = _Head(name, title, description, workspaces, _kind(node, kind, report))
    defined = build(node, head, report)
    if name is None:
        report.is_whole = False
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
    on: EventMatcher | None = None if on_node is None else read_nested_events(on_node, "'on'", report, _OF_WHEN)
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
    titled = None if head.name is None else Titled(head.name, head.title, head.description)
    return read_receiving(node, titled, report)


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
