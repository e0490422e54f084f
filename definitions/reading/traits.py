"""One definition of a trait: an attribute, a statistic, a rule, or what a query of the warehouse finds."""

from definitions.model import (
    Aggregate,
    Call,
    Case,
    EventMatcher,
    Expression,
    Field,
    Literally,
    Measure,
    Mining,
    Path,
    Rule,
    Statistical,
)
from definitions.reading.conditions import read_condition
from definitions.reading.counting import read_aggregate
from definitions.reading.expressions import read_expression
from definitions.reading.fields import refuse_unknown_keys, required_value, value_of
from definitions.reading.keys import ATTRIBUTE, CASE, COMPUTED, COUNTED_SESSIONS, EVENTS, MINING, RULE, STATISTICAL
from definitions.reading.names import read_trait_path
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node
from definitions.reading.scalars import read_choice, read_duration, read_operand, read_text

MAX_CASES = 100
MAX_QUERY = 10_000
SHORTEST_EVERY_MS = 60_000
MERGES = {
    "latest": Measure.LAST,
    "first": Measure.FIRST,
    "most_frequent": Measure.MOST_FREQUENT,
    "max": Measure.MAX,
    "min": Measure.MIN,
    "union": Measure.UNION,
}
AS_SENT = "as_sent"
"""Instead of a way to merge: nothing is computed, and the name is known as one that is sent."""
_FORMS = {"attribute": ATTRIBUTE, "statistical": STATISTICAL, "rule": RULE, "mining": MINING}
_IDENTIFY = EventMatcher((Call("identify"),))
_HOW = (
    "`merge: first` (of what identify calls say), `statistical: {event: Order Completed, sum: total, within: ever}`, "
    "`cases` or `value` (of other traits), or `query` (of the warehouse)"
)


def read_value(node: MappingNode, name: str | None, report: FileReport) -> Statistical | Rule | Mining | None:
    """Return how the trait of a mapping comes about, or None: with findings, or as nothing is computed of it."""
    forms = [form for form, keys in _FORMS.items() if any(key in node.entries for key in keys)]
    if not forms:
        report.add(node, "a trait must say how it comes about", _HOW)
        return None
    if len(forms) > 1:
        key = next(key for key in _FORMS[forms[1]] if key in node.entries)
        others = [key for key in _FORMS[forms[0]] if key in node.entries]
        report.add(node.entries[key][0], f"{others[0]!r} and {key!r} in one trait", "make them two traits")
        return None
    return {"attribute": _read_attribute, "statistical": _read_statistical, "rule": _read_rule, "mining": _read_mining}[
        forms[0]
    ](node, name, report)


def _read_attribute(node: MappingNode, name: str | None, report: FileReport) -> Statistical | None:
    merge_node = required_value(node, "merge", "an attribute", f"one of {', '.join((*MERGES, AS_SENT))}", report)
    merge = None if merge_node is None else read_choice(merge_node, "'merge'", (*MERGES, AS_SENT), report)
    sent = value_of(node, "attribute")
    if merge == AS_SENT:
        if sent is not None:
            hint = "name the trait as it is sent, or merge it: `merge: latest`"
            report.add(node.entries["attribute"][0], f"'attribute' beside `merge: {AS_SENT}`", hint)
        return None
    path: Path | None = None if name is None else (name,)
    if sent is not None:
        path = read_trait_path(sent, "'attribute'", report)
    if merge is None or path is None:
        return None
    return Statistical(Aggregate(_IDENTIFY, MERGES[merge], Field(path, "traits")))


def _read_statistical(node: MappingNode, _name: str | None, report: FileReport) -> Statistical | None:
    value = node.entries["statistical"][1]
    example = "for example `statistical: {event: Order Completed, sum: total, within: ever}`"
    if not isinstance(value, MappingNode):
        report.add(value, "'statistical' must say which events and what of them", example)
        return None
    kinds = [key for key in (*EVENTS, *COUNTED_SESSIONS) if key in value.entries]
    if len(kinds) != 1:
        wrong_node = value.entries[kinds[1]][0] if kinds else value
        report.add(wrong_node, f"'statistical' must have one of {', '.join((*EVENTS, *COUNTED_SESSIONS))}", example)
        return None
    aggregate = read_aggregate(value, kinds[0], report)
    return None if aggregate is None else Statistical(aggregate)


def _read_rule(node: MappingNode, _name: str | None, report: FileReport) -> Rule | None:
    value, cases_node, otherwise_node = (value_of(node, key) for key in ("value", "cases", "otherwise"))
    if value is not None:
        for key in ("cases", "otherwise"):
            if key in node.entries:
                report.add(node.entries[key][0], f"'value' and {key!r} in one trait", "`value` says all: remove one")
                return None
        expression = read_expression(value, "'value'", report)
        return None if expression is None else Rule((), expression)
    if cases_node is None:
        report.add(node, "'otherwise' without 'cases'", "add `cases: [{when: ..., then: ...}]`")
        return None
    cases = _read_cases(cases_node, report)
    otherwise = None if otherwise_node is None else _read_outcome(otherwise_node, "'otherwise'", report)
    if cases is None or (otherwise_node is not None and otherwise is None):
        return None
    return Rule(cases, otherwise)


def _read_cases(node: Node, report: FileReport) -> tuple[Case, ...] | None:
    if not isinstance(node, ListNode) or not 1 <= len(node.items) <= MAX_CASES:
        report.add(node, f"'cases' takes a list of 1 to {MAX_CASES} cases", "each with `when` and `then`")
        return None
    cases = [_read_case(item, report) for item in node.items]
    readable = [case for case in cases if case is not None]
    return tuple(readable) if len(readable) == len(cases) else None


def _read_case(node: Node, report: FileReport) -> Case | None:
    if not isinstance(node, MappingNode):
        report.add(
            node, "a case must be a mapping", "for example `{when: {trait: spent, greater_than: 100}, then: gold}`"
        )
        return None
    before = len(report.errors)
    refuse_unknown_keys(node, CASE, "a case", report)
    hint = "its condition; the value where none holds is `otherwise`, beside `cases`"
    when_node = required_value(node, "when", "a case", hint, report)
    when = None if when_node is None else read_condition(when_node, report)
    then: Expression | None = None
    if "then" in node.entries and "value" in node.entries:
        report.add(node.entries["value"][0], "'then' and 'value' in one case", "remove one of them")
    elif "value" in node.entries:
        then = read_expression(node.entries["value"][1], "'value'", report)
    else:
        hint = "what stands there is the value: `then: gold`; an expression goes into `value`"
        then_node = required_value(node, "then", "a case", hint, report)
        then = None if then_node is None else _read_outcome(then_node, "'then'", report)
    return None if when is None or then is None or len(report.errors) > before else Case(when, then)


def _read_outcome(node: Node, what: str, report: FileReport) -> Expression | None:
    """Return a value as it stands, or of a mapping with `value` an expression."""
    if isinstance(node, MappingNode):
        refuse_unknown_keys(node, COMPUTED, what, report)
        hint = "an expression: `{value: spent / orders}`"
        value = required_value(node, "value", what, hint, report)
        return None if value is None else read_expression(value, "'value'", report)
    operand = read_operand(node, what, report)
    return None if operand is None else Literally(operand)


def _read_mining(node: MappingNode, _name: str | None, report: FileReport) -> Mining | None:
    hint = "SQL with the columns profile_id and value"
    query_node = required_value(node, "query", "a trait of a query", hint, report)
    query = None if query_node is None else _read_query(query_node, report)
    every_node = required_value(node, "every", "a trait of a query", "how often it runs: `every: 1h`", report)
    every_ms = None if every_node is None else read_duration(every_node, "'every'", report)
    if every_node is not None and every_ms is not None and every_ms < SHORTEST_EVERY_MS:
        report.add(every_node, "'every' is shorter than a minute", "a query reads the warehouse: 1m or longer")
        return None
    return None if query is None or every_ms is None else Mining(query, every_ms)


def _read_query(node: Node, report: FileReport) -> str | None:
    query = read_text(node, "'query'", report, longest=MAX_QUERY)
    if query is None:
        return None
    words = query.replace("(", " ").lower().split()
    if words[0] not in {"select", "with"}:
        report.add(node, "'query' must begin with SELECT or WITH", "it only reads")
        return None
    for column in ("profile_id", "value"):
        if column not in query:
            report.add(node, f"'query' does not name the column {column!r}", "SELECT ... AS profile_id, ... AS value")
            return None
    return query
