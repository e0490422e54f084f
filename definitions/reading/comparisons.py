"""Comparisons of traits and properties, as in `plan: pro` or `total: {greater_than: 100}`; no meaning is given here."""

import re
from collections.abc import Callable, Collection, Mapping

from definitions.model import ORDERINGS, RELATIVE, Comparison, Operator, PropertyFilter, Root, Scalar
from definitions.patterns import PatternError, compile_pattern
from definitions.reading.contradictions import contradiction
from definitions.reading.keys import OPERATORS
from definitions.reading.names import read_path
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.scalars import read_bool, read_duration, read_number, read_operand, read_text
from definitions.reading.times import read_time
from runtime.hints import did_you_mean

MAX_CHOICES = 1_000
MAX_FILTERS = 20
MAX_PATTERN = 200
_SIGNS = {
    sign: f"use {operator}"
    for operator, signs in {
        "equals": ("=", "==", "===", "eq", "equal_to", "equals_to"),
        "not_equals": ("!=", "<>", "ne", "neq", "not_equal"),
        "greater_than": (">", "gt", "above", "over", "greater"),
        "greater_or_equal": (">=", "gte", "ge", "greater_than_or_equal", "greater_or_equals", "min"),
        "less_than": ("<", "lt", "below", "under", "less", "fewer_than"),
        "less_or_equal": ("<=", "lte", "le", "less_than_or_equal", "less_or_equals", "max"),
        "in": ("one_of", "any_of"),
        "not_in": ("none_of", "nin"),
    }.items()
    for sign in signs
}
_WRITTEN_SIGN = re.compile(r"\s*(>=|<=|>|<|!=|==)\s*(-?[0-9.]+)\s*", re.ASCII)
_CONFUSED = {
    "at_least": "at_least counts events; to compare numbers use greater_or_equal",
    "at_most": "at_most counts events; to compare numbers use less_or_equal",
    "exactly": "exactly counts events; to compare values use equals",
    "is": "use equals",
    "is_not": "use not_equals",
    "between": "use greater_or_equal and less_or_equal together",
    "older_than": "use longer_ago_than",
    "more_than": "use greater_than",
    "since": "use after",
    "until": "use before",
    "newer_than": "use within_last",
    "like": "use contains, starts_with, ends_with or matches",
    "regex": "use matches",
    "not": "use not_equals or not_in, or put the condition under `not:`",
    "is_null": "use `exists: false`",
    **_SIGNS,
}
"""What other languages call a comparison; what resembles it here may be another one."""


def read_filters(node: Node, key: str, report: FileReport) -> tuple[PropertyFilter, ...] | None:
    """Read the value of `where`, `context` or `traits`: property -> value to equal, or property -> comparisons."""
    root: Root = "properties" if key == "where" else "context" if key == "context" else "traits"
    if not isinstance(node, MappingNode) or not node.entries:
        report.add(node, f"{key!r} must name {root}", f"for example `{key}: {{total: {{greater_than: 100}}}}`")
        return None
    if len(node.entries) > MAX_FILTERS:
        report.add(node, f"{key!r} names more than {MAX_FILTERS} {root}", "keep the ones that matter")
        return None
    filters = []
    for name, value in node.entries.values():
        path = read_path(name, f"a name in {key!r}", report)
        comparisons = read_value_comparisons(value, name.text, report)
        if path and comparisons:
            filters.append(PropertyFilter(path, comparisons, root))
    return tuple(filters) if len(filters) == len(node.entries) else None


def read_value_comparisons(node: Node, name: str, report: FileReport) -> tuple[Comparison, ...] | None:
    """Read a value to equal, or comparisons, of what an event carries: with now no event's value is compared."""
    if not isinstance(node, MappingNode):
        if isinstance(node, ScalarNode) and (match := _WRITTEN_SIGN.fullmatch(node.text)):
            operator = _SIGNS[match[1]].removeprefix("use ")
            hint = f'write `{{{operator}: {match[2]}}}`; if it is the text, `{{equals: "{node.text}"}}`'
            report.add(node, f"{node.text!r} compares nothing: a plain value is one to equal", hint)
            return None
        operand = read_operand(node, repr(name), report)
        return None if operand is None else (Comparison(Operator.EQUALS, operand),)
    relative = [key for word, (key, _) in node.entries.items() if word in RELATIVE]
    for key in relative:
        hint = "`within` says how old events may be; for a time that is compared with now, make it a trait"
        report.add(
            key, f"{key.text!r} compares with now, and a value of an event is compared once, when it comes", hint
        )
    return None if relative else read_comparisons(node, (), repr(name), report)


def read_comparisons(
    node: MappingNode, other_keys: Collection[str], what: str, report: FileReport
) -> tuple[Comparison, ...] | None:
    """Read the operators that a mapping has among its keys; None with findings if there is none or one is wrong."""
    comparisons = []
    is_whole = True
    for name, (key, value) in node.entries.items():
        if name in other_keys:
            continue
        if name not in OPERATORS:
            report.add(
                key, f"there is no comparison {name!r}", _CONFUSED.get(name.lower()) or did_you_mean(name, OPERATORS)
            )
            is_whole = False
            continue
        operator = Operator(name)
        operand = _read_operand(operator, value, report)
        if operand is None:
            is_whole = False
        else:
            comparisons.append(Comparison(operator, operand))
    if is_whole and not comparisons:
        report.add(node, f"{what} is compared with nothing", f"add one of {', '.join(OPERATORS)}")
    reason = contradiction(comparisons)
    if is_whole and reason is not None:
        report.add(node, f"the comparisons of {what} never hold together: {reason}", "correct or remove one")
        return None
    return tuple(comparisons) if is_whole and comparisons else None


def _read_operand(operator: Operator, node: Node, report: FileReport) -> Scalar | tuple[Scalar, ...] | None:
    return _OPERANDS.get(operator, read_operand)(node, repr(operator.value), report)


def _read_choices(node: Node, what: str, report: FileReport) -> tuple[Scalar, ...] | None:
    if not isinstance(node, ListNode) or not 1 <= len(node.items) <= MAX_CHOICES:
        report.add(node, f"{what} takes a list of 1 to {MAX_CHOICES} values", "for example `[pro, enterprise]`")
        return None
    choices = [read_operand(item, what, report) for item in node.items]
    readable = [choice for choice in choices if choice is not None]
    return tuple(readable) if len(readable) == len(choices) else None


def _read_pattern(node: Node, what: str, report: FileReport) -> str | None:
    text = read_text(node, what, report, MAX_PATTERN)
    try:
        if text is not None:
            compile_pattern(text)
    except PatternError as error:
        hint = "for example `(?i)shoes?$`; in quotes if it has a colon or begins with a sign"
        report.add(node, f"{what} takes a regular expression (RE2), and {text!r} is none: {error}", hint)
        return None
    return text


_OPERANDS: Mapping[Operator, Callable[[Node, str, FileReport], Scalar | tuple[Scalar, ...] | None]] = {
    Operator.IN: _read_choices,
    Operator.NOT_IN: _read_choices,
    Operator.CONTAINS_ANY: _read_choices,
    Operator.BEFORE: read_time,
    Operator.AFTER: read_time,
    Operator.EXISTS: read_bool,
    Operator.STARTS_WITH: read_text,
    Operator.ENDS_WITH: read_text,
    Operator.MATCHES: _read_pattern,
    **dict.fromkeys(ORDERINGS, read_number),
    **dict.fromkeys(RELATIVE, read_duration),
}
"""How the operand of each is read; the others take any single value."""
