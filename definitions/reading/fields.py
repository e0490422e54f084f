"""The keys of one mapping: which are allowed, which are missing, and lists of texts; values are read by `scalars`."""

from collections.abc import Callable, Collection

from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node
from definitions.reading.scalars import read_text
from runtime.hints import did_you_mean


def refuse_unknown_keys(node: MappingNode, allowed: Collection[str], what: str, report: FileReport) -> None:
    """Report each key that `what` does not have."""
    for name, (key, _) in node.entries.items():
        if name not in allowed:
            report.add(key, f"{what} has no key {name!r}", did_you_mean(name, allowed))


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
