"""How many events of all persons together fire a trigger: `across: {event: Buy, within: 10m, at_least: 50}`."""

from typing import NamedTuple, get_args

from definitions.model import Counted, EventMatcher, Field, Usual
from definitions.reading.events import events_keys, read_events, read_field
from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import ACROSS, EVENTS, EXCEEDS, FILTERS
from definitions.reading.nodes import FileReport, MappingNode, Node
from definitions.reading.scalars import read_choice, read_duration, read_number, read_whole_number

COUNTS: tuple[Counted, ...] = get_args(Counted)
MAX_ACROSS = 1_000_000_000
MAX_TIMES = 1_000_000
LEAST_WITHIN_MS, MAX_WITHIN_MS = 10_000, 7 * 86_400_000
LEAST_WINDOWS = 3
"""Of fewer windows there is no usual."""
_EXAMPLE = "for example `across: {event: Product Viewed, same: product_id, within: 10m, at_least: 50}`"
_CONFUSED = {
    "at_most": "what is rare cannot fire: a value without events has no row to be found",
    "exactly": "write at_least",
    "greater_than": "write at_least: one more than this number",
    "usual": "write `exceeds: {times: 3, usual_of: 7d}`",
}


class Across(NamedTuple):
    """What `across` says; as in `AcrossTrigger`."""

    events: EventMatcher
    within_ms: int
    at_least: int
    same: Field | None
    exceeds: Usual | None
    counts: Counted


def read_across(node: Node, report: FileReport) -> Across | None:
    """Return what fires a trigger across persons, or None with findings."""
    kinds = events_keys(node) if isinstance(node, MappingNode) else []
    if not isinstance(node, MappingNode) or len(kinds) != 1:
        report.add(node, f"'across' must have one of {', '.join(EVENTS)}", _EXAMPLE)
        return None
    before = len(report.errors)
    for name in _CONFUSED.keys() & node.entries.keys():
        report.add(node.entries[name][0], f"'across' has no key {name!r}", _CONFUSED[name])
    refuse_unknown_keys(node, (kinds[0], *FILTERS, *ACROSS, *_CONFUSED), "'across'", report)
    events = read_events(node, kinds[0], report)
    within_ms = _read_within(node, report)
    hint = "the least number that is worth a firing, such as `at_least: 50`"
    least = required_value(node, "at_least", "'across'", hint, report)
    at_least = None if least is None else read_whole_number(least, "'at_least'", MAX_ACROSS, report)
    same_node, exceeds_node, counts_node = (value_of(node, key) for key in ("same", "exceeds", "counts"))
    same = None if same_node is None else read_field(same_node, "'same'", report)
    exceeds = None if exceeds_node is None else _read_exceeds(exceeds_node, within_ms, report)
    word = None if counts_node is None else read_choice(counts_node, "'counts'", COUNTS, report)
    if events is None or within_ms is None or at_least is None or len(report.errors) > before:
        return None
    counts = next((counts for counts in COUNTS if counts == word), COUNTS[0])
    return Across(events, within_ms, at_least, same, exceeds, counts)


def _read_within(node: MappingNode, report: FileReport) -> int | None:
    hint = "the time that counts, up to now: `within: 10m`"
    within = required_value(node, "within", "'across'", hint, report)
    within_ms = None if within is None else read_duration(within, "'within'", report)
    if within is None or within_ms is None or LEAST_WITHIN_MS <= within_ms <= MAX_WITHIN_MS:
        return within_ms
    hint = "it is evaluated every few seconds, and each time all events of the window are counted"
    report.add(within, "'within' across persons must be from 10s to 7d", hint)
    return None


def _read_exceeds(node: Node, within_ms: int | None, report: FileReport) -> Usual | None:
    example = "for example `exceeds: {times: 3, usual_of: 7d}`"
    if not isinstance(node, MappingNode):
        report.add(node, "'exceeds' must be a mapping", example)
        return None
    refuse_unknown_keys(node, EXCEEDS, "'exceeds'", report)
    times_node, of_node = (required_value(node, key, "'exceeds'", example, report) for key in EXCEEDS)
    times = None if times_node is None else read_number(times_node, "'times'", report)
    of_ms = None if of_node is None else read_duration(of_node, "'usual_of'", report)
    if times_node is not None and times is not None and not 1 <= times <= MAX_TIMES:
        report.add(times_node, f"'times' must be from 1 to {MAX_TIMES:,}", "less than usual is nothing to exceed")
        return None
    if of_node is not None and of_ms is not None and within_ms is not None and of_ms < LEAST_WINDOWS * within_ms:
        hint = f"the usual is the mean of at least {LEAST_WINDOWS} windows"
        report.add(of_node, f"'usual_of' must be at least {LEAST_WINDOWS} times 'within'", hint)
        return None
    return None if times is None or of_ms is None else Usual(float(times), of_ms)
