"""Sequences of events: `sequence: [{event: A}, {event: B, within: 1h}]`."""

import msgspec

from definitions.model import Condition, Sequence, Step
from definitions.reading.events import EVER, SESSION, events_keys, read_events, read_field, read_nested_events
from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import EVENTS, FILTERS, SEQUENCE
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.scalars import read_duration, read_whole_number

MAX_STEPS = 20
MAX_COMPLETIONS = 100
"""Of each step the newest 100 events are kept, so that a sequence is completed no more often."""
_WHAT = "a condition with 'sequence'"
_EXAMPLE = "for example `sequence: [{event: Product Added}, {event: Order Completed, within: 1h}]`"


def read_sequence(node: MappingNode, report: FileReport) -> Condition | None:
    """Read a condition on events that follow each other; None with findings."""
    before = len(report.errors)
    refuse_unknown_keys(node, SEQUENCE, _WHAT, report)
    steps = _read_steps(node.entries["sequence"][1], report)
    hint = "the time that counts, up to now, in which it was completed: `within: 7d`"
    within = required_value(node, "within", _WHAT, hint, report)
    within_ms = None if within is None else _read_outer_window(within, report)
    wanted = value_of(node, "at_least")
    at_least = 1 if wanted is None else read_whole_number(wanted, "'at_least'", MAX_COMPLETIONS, report)
    same_node = value_of(node, "same")
    same = None if same_node is None else read_field(same_node, "'same'", report)
    if steps is None or within_ms is None or at_least is None or len(report.errors) > before:
        return None
    return Sequence(steps, within_ms, at_least, same)


def _read_outer_window(node: Node, report: FileReport) -> int | None:
    if isinstance(node, ScalarNode) and node.text in {EVER, SESSION}:
        hint = "such as `within: 30d`: what must be remembered would have no end"
        if node.text == SESSION:
            hint = "its steps lie in one session if they follow each other within 30m: `within: 30m` in the later steps"
        report.add(node, f"a sequence cannot be completed 'within: {node.text}'", hint)
        return None
    return read_duration(node, "'within'", report)


def _read_steps(node: Node, report: FileReport) -> tuple[Step, ...] | None:
    if not isinstance(node, ListNode) or not node.items:
        report.add(node, "'sequence' takes a list of steps", _EXAMPLE)
        return None
    before = len(report.errors)
    steps: list[Step] = []
    for number, item in enumerate(node.items):
        steps += _read_step(item, number == 0, number == len(node.items) - 1, report)
    if len(report.errors) > before:
        return None
    if len(steps) < 2:
        report.add(node, "a sequence needs two steps", f"one step is no sequence: count it with `at_least`; {_EXAMPLE}")
    elif len(steps) > MAX_STEPS:
        report.add(node, f"a sequence of more than {MAX_STEPS} steps, each of `times` counted", "make it shorter")
    return tuple(steps) if len(report.errors) == before else None


def _read_step(node: Node, is_first: bool, is_last: bool, report: FileReport) -> tuple[Step, ...]:
    """The steps of one element: several of equal events with `times`, none with findings."""
    if not isinstance(node, MappingNode):
        report.add(node, "a step must say which events", _EXAMPLE)
        return ()
    kinds = events_keys(node) + (["not"] if "not" in node.entries else [])
    if len(kinds) != 1:
        wrong_node = node.entries[kinds[1]][0] if kinds else node
        report.add(wrong_node, f"a step must have one of {', '.join((*EVENTS, 'not'))}", _EXAMPLE)
        return ()
    is_absent = kinds == ["not"]
    others = ("not", "within") if is_absent else (kinds[0], *FILTERS, "within", "without", "times")
    refuse_unknown_keys(node, others, "a step with 'not'" if is_absent else "a step", report)
    before = len(report.errors)
    if is_absent:
        _refuse_absent(node, is_first, is_last, report)
        events = read_nested_events(node.entries["not"][1], "'not' of a step", report)
    else:
        events = read_events(node, kinds[0], report)
    times_node = value_of(node, "times")
    times = 1 if times_node is None else read_whole_number(times_node, "'times'", MAX_STEPS, report)
    within_ms = _read_gap(node, is_first, times or 1, is_absent, report)
    without_node = value_of(node, "without")
    without = None if without_node is None else read_nested_events(without_node, "'without'", report)
    if without_node is not None and is_first and times == 1:
        report.add(node.entries["without"][0], "'without' in the first step", "nothing lies before it: remove the key")
    if events is None or times is None or len(report.errors) > before:
        return ()
    step = Step(events, within_ms, without, is_absent)
    first = msgspec.structs.replace(step, within_ms=None, without=None) if is_first else step
    return (first, *(step for _ in range(times - 1)))


def _refuse_absent(node: MappingNode, is_first: bool, is_last: bool, report: FileReport) -> None:
    if is_first or not is_last:
        key = node.entries["not"][0]
        report.add(key, "only the last step can be a 'not'", "between two steps write `without:` in the second one")


def _read_gap(node: MappingNode, is_first: bool, times: int, is_absent: bool, report: FileReport) -> int | None:
    """How long after the step before; None for ever."""
    value = value_of(node, "within")
    if is_first and times == 1:
        if value is not None:
            hint = "it counts from the step before, and there is none; the whole has a `within` of its own"
            report.add(node.entries["within"][0], "'within' in the first step", hint)
        return None
    if value is None:
        also = "" if is_absent else ", or `within: ever`"
        report.add(node, "a step needs the key 'within'", f"how soon after the one before: `within: 1h`{also}")
        return None
    if isinstance(value, ScalarNode) and value.text == EVER:
        if is_absent:
            report.add(value, "'not' within ever is never decided", "such as `within: 24h`")
        return None
    return read_duration(value, "'within'", report, also="" if is_absent else "; or ever")
