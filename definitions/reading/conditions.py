"""The value of `when`: nested conditions to the model; comparisons inside them are read by `comparisons`."""

from typing import get_args

from definitions.model import AllOf, AnyOf, Call, Condition, EventCount, EventMatcher, Not, TraitComparison, Window
from definitions.reading.comparisons import read_comparisons, read_filters, read_path
from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node
from definitions.reading.scalars import read_duration, read_text, read_whole_number
from runtime.hints import did_you_mean
from schemas.records import EventType

# The newest `at_least` times are kept for every profile, 8 bytes each.
MAX_AT_LEAST = 1_000
ANY_NAME = "*"
_EVENT_TYPES: dict[str, EventType | None] = {"any": None, **{name: name for name in get_args(EventType)}}
_NAMED: dict[str, EventType] = {"event": "track", "page": "page", "screen": "screen"}
_COUNTED = (*_NAMED, "type")
_KINDS = ("all", "any", "not", *_COUNTED, "trait")
_COUNT_KEYS = ("at_least", "within", "where")


def read_condition(node: Node, report: FileReport) -> Condition | None:
    """One condition, or None with findings."""
    if isinstance(node, ListNode):
        report.add(node, "a condition cannot be a list", "put the list under `all:` or `any:`")
        return None
    if not isinstance(node, MappingNode):
        report.add(node, "a condition must be a mapping", "for example `{event: Order Completed, within: 7d}`")
        return None
    kind = _kind(node, report)
    if kind in _COUNTED:
        return _read_count(node, kind, report)
    if kind == "trait":
        return _read_trait(node, report)
    return None if kind is None else _read_combination(node, kind, report)


def _read_combination(node: MappingNode, kind: str, report: FileReport) -> Condition | None:
    refuse_unknown_keys(node, (kind,), f"a condition with {kind!r}", report)
    value = node.entries[kind][1]
    if kind == "not":
        return _read_not(value, report)
    conditions = _read_all(value, kind, report)
    if conditions is None:
        return None
    return AllOf(conditions) if kind == "all" else AnyOf(conditions)


def _kind(node: MappingNode, report: FileReport) -> str | None:
    kinds = [name for name in _KINDS if name in node.entries]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        hint = f"make them two conditions under `all:` or `any:`; {kinds[0]!r} stays, {kinds[1]!r} becomes another"
        report.add(node.entries[kinds[1]][0], f"{kinds[0]!r} and {kinds[1]!r} in one condition", hint)
        return None
    unknown = [key for name, (key, _) in node.entries.items() if name not in _COUNT_KEYS]
    misspelt = [key for key in unknown if did_you_mean(key.text, _KINDS).startswith("did")]
    for key in misspelt or unknown[:1]:
        report.add(key, f"a condition has no key {key.text!r}", did_you_mean(key.text, _KINDS))
    if not unknown:
        report.add(
            node, "a condition that says neither which events nor which trait", f"add one of {', '.join(_KINDS)}"
        )
    return None


def _read_not(node: Node, report: FileReport) -> Condition | None:
    if isinstance(node, ListNode):
        report.add(node, "'not' takes one condition, not a list", "write `not: {any: [...]}` for none of them")
        return None
    condition = read_condition(node, report)
    return None if condition is None else Not(condition)


def _read_all(node: Node, kind: str, report: FileReport) -> tuple[Condition, ...] | None:
    if not isinstance(node, ListNode) or not node.items:
        report.add(node, f"{kind!r} takes a list of conditions", "start each one with `- ` on a line of its own")
        return None
    conditions = [read_condition(item, report) for item in node.items]
    readable = [condition for condition in conditions if condition is not None]
    return tuple(readable) if len(readable) == len(conditions) else None


def _read_count(node: MappingNode, kind: str, report: FileReport) -> Condition | None:
    refuse_unknown_keys(node, (kind, *_COUNT_KEYS), f"a condition with {kind!r}", report)
    events = _read_matcher(node, kind, report)
    wanted = value_of(node, "at_least")
    at_least = 1 if wanted is None else read_whole_number(wanted, "'at_least'", MAX_AT_LEAST, report)
    hint = "the time that counts, up to now: `within: 7d`"
    window = required_value(node, "within", f"a condition with {kind!r}", hint, report)
    within_ms = None if window is None else read_duration(window, "'within'", report)
    if events is None or at_least is None or within_ms is None:
        return None
    return EventCount(events, Window(within_ms), at_least)


def _read_matcher(node: MappingNode, kind: str, report: FileReport) -> EventMatcher | None:
    filters_node = value_of(node, "where")
    filters = () if filters_node is None else read_filters(filters_node, report)
    name_node = node.entries[kind][1]
    name = read_text(name_node, f"{kind!r}", report)
    if name is None or filters is None:
        return None
    if kind in _NAMED:
        return EventMatcher((Call(_NAMED[kind], None if name == ANY_NAME else name),), filters)
    if name not in _EVENT_TYPES:
        report.add(name_node, f"there is no event type {name!r}", did_you_mean(name, _EVENT_TYPES))
        return None
    event_type = _EVENT_TYPES[name]
    return EventMatcher(() if event_type is None else (Call(event_type),), filters)


def _read_trait(node: MappingNode, report: FileReport) -> Condition | None:
    path = read_path(node.entries["trait"][1], "'trait'", report)
    comparisons = read_comparisons(node, ("trait",), "the trait", report)
    return None if path is None or comparisons is None else TraitComparison(path, comparisons)
