"""Comparisons of traits and properties, as in `plan: pro` or `total: {greater_than: 100}`; no meaning is given here."""

from definitions.model import Comparison, Operator, Path, PropertyFilter, Scalar
from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node
from definitions.reading.scalars import read_bool, read_number, read_operand, read_text
from runtime.hints import did_you_mean

MAX_CHOICES = 1_000
MAX_PATH = 10
OPERATORS = tuple(operator.value for operator in Operator)
_ORDERINGS = {Operator.GREATER_THAN, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.LESS_OR_EQUAL}
_CONFUSED = {
    "at_least": "at_least counts events; to compare numbers use greater_or_equal",
    "at_most": "use less_or_equal",
    "is": "use equals",
    "between": "use greater_or_equal and less_or_equal together",
}


def read_path(node: Node, what: str, report: FileReport) -> Path | None:
    """The dotted way into nested objects: `address.city`."""
    text = read_text(node, what, report)
    if text is None:
        return None
    path = tuple(text.split("."))
    if len(path) > MAX_PATH or not all(path):
        report.add(node, f"{what} {text!r} is not a path", f"1 to {MAX_PATH} names joined by single dots: a.b.c")
        return None
    return path


def read_filters(node: Node, report: FileReport) -> tuple[PropertyFilter, ...] | None:
    """The value of `where`: property -> value to equal, or property -> comparisons."""
    if not isinstance(node, MappingNode) or not node.entries:
        report.add(node, "'where' must name properties", "for example `where: {total: {greater_than: 100}}`")
        return None
    filters = []
    for key, value in node.entries.values():
        path = read_path(key, "a property in 'where'", report)
        comparisons = _read_property(value, key.text, report)
        if path and comparisons:
            filters.append(PropertyFilter(path, comparisons))
    return tuple(filters)


def _read_property(node: Node, name: str, report: FileReport) -> tuple[Comparison, ...] | None:
    if not isinstance(node, MappingNode):
        operand = read_operand(node, repr(name), report)
        return None if operand is None else (Comparison(Operator.EQUALS, operand),)
    return read_comparisons(node, (), repr(name), report)


def read_comparisons(
    node: MappingNode, other_keys: tuple[str, ...], what: str, report: FileReport
) -> tuple[Comparison, ...] | None:
    """The operators that a mapping has among its keys; None with findings if there is none or one is wrong."""
    comparisons = []
    is_whole = True
    for name, (key, value) in node.entries.items():
        if name in other_keys:
            continue
        if name not in OPERATORS:
            report.add(key, f"there is no comparison {name!r}", _CONFUSED.get(name) or did_you_mean(name, OPERATORS))
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
    return tuple(comparisons) if is_whole and comparisons else None


def _read_operand(operator: Operator, node: Node, report: FileReport) -> Scalar | tuple[Scalar, ...] | None:
    what = repr(operator.value)
    if operator in (Operator.IN, Operator.NOT_IN):
        return _read_choices(node, what, report)
    if operator in _ORDERINGS:
        return read_number(node, what, report)
    if operator is Operator.EXISTS:
        return read_bool(node, what, report)
    if operator is Operator.STARTS_WITH:
        return read_text(node, what, report)
    return read_operand(node, what, report)


def _read_choices(node: Node, what: str, report: FileReport) -> tuple[Scalar, ...] | None:
    if not isinstance(node, ListNode) or not 1 <= len(node.items) <= MAX_CHOICES:
        report.add(node, f"{what} takes a list of 1 to {MAX_CHOICES} values", "for example `[pro, enterprise]`")
        return None
    choices = [read_operand(item, what, report) for item in node.items]
    readable = [choice for choice in choices if choice is not None]
    return tuple(readable) if len(readable) == len(choices) else None
