"""Conditions on how many events there are, and on a measure of them: `{event: Buy, sum: total, greater_than: 100}`."""

from definitions.model import (
    Aggregate,
    AggregateComparison,
    Comparison,
    Condition,
    EventCount,
    Field,
    Measure,
    Window,
)
from definitions.reading.comparisons import read_comparisons
from definitions.reading.events import read_counted, read_field, read_window
from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import COUNT, COUNTED_SESSIONS, FILTERS, MEASURES
from definitions.reading.nodes import FileReport, MappingNode, Node, ScalarNode
from definitions.reading.scalars import read_whole_number
from definitions.reading.types import MEASURED, beyond, misfit

# The newest `at_least` times are kept for every profile, 8 bytes each.
MAX_COUNT = 1_000
_MEANT = {
    "avg": "use average",
    "mean": "use average",
    "total": "use sum",
    "minimum": "use min",
    "maximum": "use max",
    "unique": "use distinct",
    "times": "use at_least, at_most or exactly",
    "more_than": "use at_least",
    "less_than": "to count events use at_most; to compare a measure say which: `count: true`, `sum: total`",
    "greater_than": "to count events use at_least; to compare a measure say which: `count: true`, `sum: total`",
    "greater_or_equal": "to count events use at_least; to compare a measure say which: `count: true`, `sum: total`",
    "less_or_equal": "to count events use at_most; to compare a measure say which: `count: true`, `sum: total`",
    "equals": "to count events use exactly; to compare a measure say which: `count: true`, `sum: total`",
    "properties": "use where",
    "filter": "use where",
}
_NEED_NO_VALUE = frozenset({Measure.COUNT, Measure.FIRST_AT, Measure.LAST_AT})
_WITHIN_HINT = "the time that counts, up to now: `within: 7d`, `within: session` or `within: ever`"


def measures_in(node: MappingNode) -> list[str]:
    """Return the keys of a mapping that are a measure of events."""
    return [key for key in MEASURES if key in node.entries]


def read_count(node: MappingNode, kind: str, report: FileReport) -> Condition | None:
    """Read a condition on the number of events."""
    what = f"a condition with {kind!r}"
    before = len(report.errors)
    refuse_unknown_keys(node, (kind, *FILTERS, *COUNT), what, report, _MEANT)
    events = read_counted(node, kind, report)
    at_least, at_most = _read_numbers(node, report)
    window = _read_within(node, kind, what, report)
    same_node = value_of(node, "same")
    same = None if same_node is None else read_field(same_node, "'same'", report)
    if same_node is not None and at_most is not None and not at_least:
        hint = "a value that no event has cannot be counted: add `at_least: 1`"
        report.add(node.entries["same"][0], "'same' with 'at_most' needs 'at_least'", hint)
    if events is None or window is None or len(report.errors) > before:
        return None
    return EventCount(events, window, at_least, at_most, same)


def _read_numbers(node: MappingNode, report: FileReport) -> tuple[int | None, int | None]:
    """The least and the greatest number of events."""
    least, most, exact = (value_of(node, key) for key in ("at_least", "at_most", "exactly"))
    if exact is not None:
        for key in ("at_least", "at_most"):
            if key in node.entries:
                report.add(node.entries[key][0], f"{key!r} beside 'exactly'", "remove one of them")
        number = read_whole_number(exact, "'exactly'", MAX_COUNT, report, lowest=0)
        return number or None, number
    at_least = None if least is None else read_whole_number(least, "'at_least'", MAX_COUNT, report)
    at_most = None if most is None else read_whole_number(most, "'at_most'", MAX_COUNT, report, lowest=0)
    if at_least is not None and at_most is not None and at_least > at_most:
        hint = "no number is both: correct or remove one"
        report.add(node.entries["at_most"][0], f"at_least {at_least} and at_most {at_most} contradict each other", hint)
    return (1 if least is None and most is None else at_least), at_most


def _read_within(node: MappingNode, kind: str, what: str, report: FileReport) -> Window | None:
    value = required_value(node, "within", what, _WITHIN_HINT, report)
    window = None if value is None else read_window(value, "'within'", report)
    if value is not None and window is not None and window.session and kind in COUNTED_SESSIONS:
        report.add(value, "the sessions of one session", "such as `within: 7d`, or `within: ever`")
        return None
    return window


def read_aggregate_comparison(node: MappingNode, kind: str, report: FileReport) -> Condition | None:
    """Read a condition on a measure of events."""
    measures = measures_in(node)
    known = (kind, *FILTERS, *measures, "within")
    before = len(report.errors)
    number = node.entries[measures[0]][1]
    if measures == ["count"] and isinstance(number, ScalarNode) and number.is_plain and number.text.isdecimal():
        hint = f"so many events are `at_least: {number.text}`, `at_most: {number.text}` or `exactly: {number.text}`"
        report.add(number, f"'count' takes true or a property, and {number.text} is a number", hint)
        return None
    aggregate = _read_measured(node, kind, f"a condition with {measures[0]!r}", report)
    comparisons = read_comparisons(node, known, f"the {measures[0]}", report)
    if aggregate is None or comparisons is None or len(report.errors) > before:
        return None
    _check_comparisons(node, aggregate, comparisons, report)
    return AggregateComparison(aggregate, comparisons) if len(report.errors) == before else None


def read_aggregate(node: MappingNode, kind: str, report: FileReport) -> Aggregate | None:
    """Read a measure of events without a condition on it, as a trait has it."""
    measures = measures_in(node)
    if not measures:
        report.add(node, "events without a measure", f"add one of {', '.join(MEASURES)}: `count: true` counts them")
        return None
    before = len(report.errors)
    refuse_unknown_keys(node, (kind, *FILTERS, *measures, "within"), "a statistical trait", report)
    aggregate = _read_measured(node, kind, "a statistical trait", report)
    return aggregate if len(report.errors) == before else None


def _read_measured(node: MappingNode, kind: str, what: str, report: FileReport) -> Aggregate | None:
    measures = measures_in(node)
    for other in measures[1:]:
        hint = "make them two conditions under `all:`, or two traits"
        report.add(node.entries[other][0], f"{measures[0]!r} and {other!r} in one measure", hint)
    measure = Measure(measures[0])
    events = read_counted(node, kind, report)
    of, is_right = _read_of(node.entries[measures[0]][1], measure, report)
    window = _read_within(node, kind, what, report)
    if kind in COUNTED_SESSIONS and (of is not None or measure not in _NEED_NO_VALUE):
        hint = f"one of {', '.join(f'`{each.value}: true`' for each in Measure if each in _NEED_NO_VALUE)}"
        report.add(node.entries[measures[0]][0], f"{measures[0]!r} of sessions, which have no properties", hint)
        return None
    if events is None or not is_right or window is None or len(measures) > 1:
        return None
    return Aggregate(events, measure, of, window)


def _read_of(node: Node, measure: Measure, report: FileReport) -> tuple[Field | None, bool]:
    """The value that is measured, None where none is asked for; and whether that is right."""
    word = node.text.lower() if isinstance(node, ScalarNode) and node.is_plain else ""
    if word == "true" and measure in _NEED_NO_VALUE:
        return None, True
    if word in {"true", "false"}:
        hint = f"for example `{measure.value}: {'true' if measure in _NEED_NO_VALUE else 'total'}`"
        report.add(node, f"{measure.value!r} needs a property", hint)
        return None, False
    field = read_field(node, repr(measure.value), report)
    return field, field is not None


def _check_comparisons(
    node: MappingNode, aggregate: Aggregate, comparisons: tuple[Comparison, ...], report: FileReport
) -> None:
    kind, measure = MEASURED.get(aggregate.measure), aggregate.measure
    for comparison in comparisons:
        reason = None if kind is None else misfit(comparison, frozenset({kind}))
        if reason is not None:
            report.add(node.entries[comparison.operator.value][0], f"the {measure.value} is {reason}")
            return
    reason = beyond(comparisons, aggregate)
    if reason is not None:
        key = node.entries[comparisons[0].operator.value][0]
        report.add(key, f"the {measure.value} is {reason}", "compare it with what it can be")
