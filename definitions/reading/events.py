"""Which events a condition or a trait is of, the window they count in, and the value that is taken of them."""

from collections.abc import Mapping
from typing import get_args

from definitions.model import Call, EventMatcher, Field, Period, PropertyFilter, Root, Window
from definitions.reading.comparisons import read_filters
from definitions.reading.fields import NO_HINTS, refuse_unknown_keys, value_of
from definitions.reading.keys import EVENTS, FILTERS, OCCURRED, ROOTS
from definitions.reading.names import read_path
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.scalars import read_duration, read_text
from definitions.reading.times import read_time
from runtime.hints import did_you_mean
from schemas.records import EventType

MAX_CALLS = 100
ANY_NAME = "*"
ANY_TYPE = "any"
EVER = "ever"
SESSION = "session"
ANY_SESSION = "any"
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
_NAMED: dict[str, EventType] = {"event": "track", "page": "page", "screen": "screen"}
_ROOTS: tuple[Root, ...] = get_args(Root)


def events_keys(node: MappingNode) -> list[str]:
    """Return the keys of a mapping that say which events it is of."""
    return [key for key in EVENTS if key in node.entries]


def read_counted(node: MappingNode, kind: str, report: FileReport) -> EventMatcher | None:
    """Return what `kind`, one of the keys of events or `sessions`, says is counted."""
    return read_events(node, kind, report) if kind in EVENTS else _read_sessions(node, report)


def _read_sessions(node: MappingNode, report: FileReport) -> EventMatcher | None:
    before = len(report.errors)
    value = node.entries["sessions"][1]
    if not isinstance(value, ScalarNode) or value.text != ANY_SESSION:
        report.add(value, "'sessions' takes the word 'any'", "each session counts: `sessions: any`")
    for key in [key for key in node.entries if key in {*FILTERS, "same"}]:
        hint = "count events instead, or compare the current, the first or the last one by `session`"
        report.add(node.entries[key][0], f"{key!r} beside 'sessions': they count whatever happens in them", hint)
    return None if len(report.errors) > before else EventMatcher(sessions=True)


def read_events(node: MappingNode, kind: str, report: FileReport) -> EventMatcher | None:
    """Return what `kind` (one of the keys of events) and the filters of a mapping match; other keys are ignored."""
    filters: list[PropertyFilter] = []
    is_whole = True
    for key in ROOTS:
        value = value_of(node, key)
        more = () if value is None else read_filters(value, key, report)
        is_whole = is_whole and more is not None
        filters += more or ()
    occurred = value_of(node, "occurred")
    period = Period() if occurred is None else _read_period(occurred, report)
    calls = _read_calls(node.entries[kind][1], kind, report)
    return None if calls is None or period is None or not is_whole else EventMatcher(calls, tuple(filters), period)


def _read_period(node: Node, report: FileReport) -> Period | None:
    """The value of `occurred`."""
    example = "for example `{from: 2026-11-01, before: 2026-12-01}`"
    if not isinstance(node, MappingNode) or not node.entries:
        report.add(node, "'occurred' must name a period", example)
        return None
    before = len(report.errors)
    refuse_unknown_keys(node, OCCURRED, "'occurred'", report)
    ends = {end: read_time(value, repr(end), report) for end in OCCURRED if (value := value_of(node, end)) is not None}
    if len(report.errors) > before:
        return None
    period = Period(ends.get("from"), ends.get("before"))
    if period.since is not None and period.before is not None and period.since >= period.before:
        report.add(node, "'occurred' ends before it begins", example)
        return None
    return period


def read_nested_events(
    node: Node, what: str, report: FileReport, hints: Mapping[str, str] = NO_HINTS
) -> EventMatcher | None:
    """Return what a mapping of its own matches, such as the value of `without`: events and filters, nothing else.

    `hints`: what to do about keys that it does not have.
    """
    if not isinstance(node, MappingNode):
        report.add(node, f"{what} must say which events", "for example `{event: Order Completed}`")
        return None
    kinds = events_keys(node)
    if len(kinds) != 1:
        wrong_node = node.entries[kinds[1]][0] if kinds else node
        report.add(wrong_node, f"{what} must have one of {', '.join(EVENTS)}", "for example `{event: Order Completed}`")
        return None
    before = len(report.errors)
    refuse_unknown_keys(node, (kinds[0], *FILTERS), what, report, hints)
    events = read_events(node, kinds[0], report)
    return events if len(report.errors) == before else None


def _read_calls(node: Node, kind: str, report: FileReport) -> tuple[Call, ...] | None:
    """The calls of one key; an empty tuple is any call."""
    items = node.items if isinstance(node, ListNode) else (node,)
    if not items or len(items) > MAX_CALLS:
        report.add(node, f"{kind!r} takes a name or a list of 1 to {MAX_CALLS} names", f"for example `{kind}: [A, B]`")
        return None
    if kind == "events":
        return _read_mixed_calls(node, report)
    calls: list[Call] = []
    is_any = False
    for item in items:
        text = read_text(item, f"{kind!r}", report)
        call = None if text is None else _call(text, kind, item, report)
        if call is None:
            return None
        if call in calls:
            report.add(item, f"{text!r} is given twice in {kind!r}", "remove one")
            return None
        calls.append(call)
        is_any = is_any or (call.type is None and call.name is None)
    return () if is_any else tuple(calls)


def _call(text: str, kind: str, node: Node, report: FileReport) -> Call | None:
    if kind in _NAMED:
        return Call(_NAMED[kind], None if text == ANY_NAME else text)
    if text == ANY_TYPE:
        return Call(None)
    event_type = next((event_type for event_type in EVENT_TYPES if event_type == text), None)
    if event_type is None:
        report.add(node, f"there is no event type {text!r}", did_you_mean(text, (*EVENT_TYPES, ANY_TYPE)))
        return None
    return Call(event_type)


def _read_mixed_calls(node: Node, report: FileReport) -> tuple[Call, ...] | None:
    example = "for example `events: [{event: Buy}, {screen: Bought}]`"
    if not isinstance(node, ListNode):
        report.add(node, "'events' takes a list of calls", example)
        return None
    calls: list[Call] = []
    for item in node.items:
        keys = list(item.entries) if isinstance(item, MappingNode) else []
        if not isinstance(item, MappingNode) or len(keys) != 1 or keys[0] not in {*_NAMED, "type"}:
            report.add(item, f"a call in 'events' is a mapping with one of {', '.join((*_NAMED, 'type'))}", example)
            return None
        more = _read_calls(item.entries[keys[0]][1], keys[0], report)
        if more is None:
            return None
        if not more:
            return ()
        calls += more
    return tuple(dict.fromkeys(calls))


def read_field(node: Node, what: str, report: FileReport) -> Field | None:
    """Return the way to a value of an event: a property, or `{context: page.path}`, `{traits: plan}`."""
    if isinstance(node, ScalarNode):
        path = read_path(node, what, report)
        return None if path is None else Field(path)
    root = next((root for root in _ROOTS if isinstance(node, MappingNode) and list(node.entries) == [root]), None)
    if root is None or not isinstance(node, MappingNode):
        hint = "for example `total`, `{context: page.path}` or `{traits: plan}`"
        report.add(node, f"{what} must name a property, or a value of context or traits", hint)
        return None
    path = read_path(node.entries[root][1], what, report)
    return None if path is None else Field(path, root)


def read_window(node: Node, what: str, report: FileReport) -> Window | None:
    """Return the time that counts, up to now: a duration, `session`, `ever`, or `[session, 5m]`."""
    if isinstance(node, ListNode):
        return _read_part_of_session(node, what, report)
    if isinstance(node, ScalarNode) and node.text in {EVER, SESSION}:
        return Window(session=node.text == SESSION)
    within_ms = read_duration(node, what, report, also="; or session, or ever")
    return None if within_ms is None else Window(within_ms)


def _read_part_of_session(node: ListNode, what: str, report: FileReport) -> Window | None:
    words = [item for item in node.items if isinstance(item, ScalarNode) and item.text == SESSION]
    others = [item for item in node.items if item not in words]
    if len(words) != 1 or len(others) != 1:
        report.add(node, f"{what} cannot be this list", "the last 5 minutes of a session are `within: [session, 5m]`")
        return None
    within_ms = read_duration(others[0], what, report)
    return None if within_ms is None else Window(within_ms, session=True)
