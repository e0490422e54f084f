"""The keys of one mapping: which are allowed, which are missing, and lists of texts; values are read by `scalars`."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node
from definitions.reading.scalars import read_text
from runtime.hints import did_you_mean

NO_HINTS: Mapping[str, str] = {}


def refuse_unknown_keys(
    node: MappingNode, allowed: Collection[str], what: str, report: FileReport, hints: Mapping[str, str] = NO_HINTS
) -> None:
    """Report each key that `what` does not have; `hints`: what to do about keys that are meant otherwise."""
    for name, (key, _) in node.entries.items():
        if name not in allowed:
            report.add(key, f"{what} has no key {name!r}", hint_of_key(name, allowed, hints))


def hint_of_key(name: str, allowed: Iterable[str], hints: Mapping[str, str] = NO_HINTS) -> str:
    """Return what to do about a key that is not allowed."""
    beginning = re.split("[:\uff1a]", name, maxsplit=1)[0]
    if beginning in allowed and beginning != name:
        return f"a colon of normal width, and a space behind it: `{beginning}: {name[len(beginning) + 1 :].strip()}`"
    return hints.get(name.lower()) or did_you_mean(name, allowed)


def value_of(node: MappingNode, key: str) -> Node | None:
    """Read the value of a key, or None where it is not given."""
    entry = node.entries.get(key)
    return entry[1] if entry else None


def required_value(node: MappingNode, key: str, what: str, hint: str, report: FileReport) -> Node | None:
    """Read the value of a key, or None with a finding where it is not given."""
    value = value_of(node, key)
    if value is None:
        report.add(node, f"{what} needs the key {key!r}", hint)
    return value


def optional_text(node: MappingNode, key: str, default: str, report: FileReport) -> str:
    """Read the text of a key, or the default where it is not given (or wrong, with a finding)."""
    value = value_of(node, key)
    text = None if value is None else read_text(value, f"{key!r}", report)
    return default if text is None else text


def optional_names(
    node: MappingNode, key: str, read: Callable[[Node, str, FileReport], str | None], report: FileReport
) -> dict[str, Node]:
    """Read the names in the list of a key, each with its node; none where the key is not given."""
    value = value_of(node, key)
    names: dict[str, Node] = {}
    if value is None:
        return names
    if not isinstance(value, ListNode) or not value.items:
        report.add(value, f"{key!r} must be a list of names", f"write `{key}: [name]`, or leave the key out")
        return names
    for item in value.items:
        name = read(item, f"a name in {key!r}", report)
        if name in names:
            report.add(item, f"{name!r} is given twice in {key!r}", "remove one")
        elif name is not None:
            names[name] = item
    return names
