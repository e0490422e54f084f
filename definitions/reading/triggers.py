"""What a trigger has beside a condition: quiet hours, and the templates of its payload."""

from typing import Literal

from definitions.quiet_hours import QuietHours
from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import QUIET_HOURS
from definitions.reading.nodes import FileReport, MappingNode, Node, Reference, ScalarNode
from definitions.reading.scalars import is_null, read_choice, read_text
from definitions.reading.times import read_clock, read_zone
from definitions.templates import Fields, names_below, problems

MAX_PAYLOAD = 50
MAX_KEY = 100
TEXT = "text"
ONCE: tuple[Literal["session", "person"], ...] = ("session", "person")
OTHERWISE = ("delay", "drop")


def read_quiet_hours(node: Node, report: FileReport) -> QuietHours | None:
    """Return the hours in which nothing fires, or None with findings."""
    if not isinstance(node, MappingNode):
        hint = 'for example `{from: "22:00", to: "08:00", zone: Asia/Shanghai}`'
        report.add(node, "'quiet_hours' must be a mapping", hint)
        return None
    before = len(report.errors)
    refuse_unknown_keys(node, QUIET_HOURS, "'quiet_hours'", report)
    begins, ends = (_read_end(node, key, report) for key in ("from", "to"))
    zone_node, otherwise_node = value_of(node, "zone"), value_of(node, "otherwise")
    zone = "UTC" if zone_node is None else read_zone(zone_node, "'zone'", report)
    otherwise = "delay" if otherwise_node is None else read_choice(otherwise_node, "'otherwise'", OTHERWISE, report)
    if begins is not None and begins == ends:
        report.add(node.entries["to"][1], "quiet hours that end when they begin", "correct 'from' or 'to'")
    if begins is None or ends is None or zone is None or len(report.errors) > before:
        return None
    return QuietHours(begins, ends, zone, otherwise == "drop")


def _read_end(node: MappingNode, key: str, report: FileReport) -> int | None:
    value = required_value(node, key, "'quiet_hours'", f'a time of day, such as `{key}: "22:00"`', report)
    return None if value is None else read_clock(value, repr(key), report)


def read_payload(node: Node, fields: Fields, report: FileReport) -> tuple[tuple[str, str], ...]:
    """Return the keys of the payload, each with its template; a text alone is that of the key `text`.

    `fields`: what templates may name. The traits that they read are among the references.
    """
    if isinstance(node, MappingNode) and 1 <= len(node.entries) <= MAX_PAYLOAD:
        for key, _ in node.entries.values():
            read_text(key, "a key in 'payload'", report, longest=MAX_KEY)
        entries = [(name, value) for name, (_, value) in node.entries.items()]
    elif isinstance(node, ScalarNode) and not is_null(node):
        entries = [(TEXT, node)]
    elif isinstance(node, MappingNode) and not node.entries and report.errors and report.errors[-1].line == node.line:
        return ()  # a template that is not quoted: its brackets are reported already
    else:
        hint = "for example `{title: Hello, text: 'Hi {{ profile.traits.name }}'}`"
        report.add(node, f"'payload' must be a text, or a mapping of 1 to {MAX_PAYLOAD} texts", hint)
        return ()
    return tuple((name, text) for name, value in entries if (text := _read_template(value, fields, report)) is not None)


def _read_template(node: Node, fields: Fields, report: FileReport) -> str | None:
    if not isinstance(node, ScalarNode):
        hint = "lists and mappings within it are not supported: give it a key of its own"
        if isinstance(node, MappingNode) and not node.entries:
            hint = 'quote a text that begins with a bracket, such as "{{ field }}"'
        report.add(node, "a text of 'payload' must be one text", hint)
        return None
    for problem in problems(node.text, fields):
        column = node.column
        if problem.offset is not None and node.offset is not None:
            column += node.offset + problem.offset
        report.add_at(node.line, column, problem.message, problem.hint)
    if "profile" in fields:
        for name, offset in names_below(node.text, "profile", "traits"):
            column = node.column if node.offset is None else node.column + node.offset + offset
            report.references.append(Reference("trait", (name,), node.line, column))
    return node.text
