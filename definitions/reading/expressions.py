"""Expressions over traits, such as `round(spent / orders, 2)`: of Python's grammar what is listed here, and no more."""

import ast
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from definitions.model import Expression, Function, Literally, Path, TraitValue
from definitions.paths import path_of, quoted
from definitions.reading.names import PATH_HINT
from definitions.reading.nodes import FileReport, Node, Reference, ScalarNode
from definitions.reading.scalars import is_null
from definitions.reading.times import parse_time
from runtime.hints import did_you_mean

MAX_EXPRESSION = 1_000
MAX_PARTS = 100
MAX_DIGITS = 6


class Signature(msgspec.Struct, frozen=True):
    """How many arguments a function takes, and what it gives."""

    least: int
    most: int
    meaning: str


FUNCTIONS: Mapping[str, Signature] = {
    "round": Signature(1, 2, "to so many digits, 0 if none are said; a half goes to the even neighbour"),
    "floor": Signature(1, 1, "the greatest whole number that is not greater"),
    "min": Signature(2, 10, "the least"),
    "max": Signature(2, 10, "the greatest"),
    "coalesce": Signature(2, 10, "the first that there is"),
    "length": Signature(1, 1, "how many items a list has"),
    "days_since": Signature(1, 1, "whole periods of 24 hours since a time"),
    "age": Signature(1, 1, "whole years since a time, by the calendar"),
}
_ARITHMETIC: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
}
_HINT = "such as \"round(spent / orders, 2)\", quoted; a name with spaces or signs is written trait('customer level')"
_DATE = re.compile(r"(?<![\w'\"-])\d{4}-\d\d-\d\d(?![\w'\"-])")
_BOOLS = {"true": True, "false": False}
_TRAIT = "trait"  # a function of a text: for names that an expression cannot have, such as those with spaces


class _Wrong(Exception):
    """What is wrong with an expression, and where in its text (counted in characters)."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.message, self.hint = offset, message, hint


class _TraitAt(msgspec.Struct, frozen=True):
    path: Path
    offset: int
    needs: Literal["", "number", "time", "list"] = ""


def read_expression(node: Node, what: str, report: FileReport) -> Expression | None:
    """Return an expression, or None with the first thing that is wrong in it; its traits are among the references."""
    if not isinstance(node, ScalarNode) or is_null(node) or len(node.text) > MAX_EXPRESSION:
        hint = f"such as `spent / orders`, at most {MAX_EXPRESSION} characters"
        report.add(node, f"{what} must be an expression over traits", hint)
        return None
    reader = _Reader(node.text)
    expression: Expression | None
    try:
        expression = reader.read()
    except _Wrong as wrong:
        line, column = _line_and_column(node, wrong.offset)
        report.add_at(line, column, f"{what}: {wrong.message}", wrong.hint)
        expression = None
    for trait in reader.traits:
        line_and_column = _line_and_column(node, trait.offset)
        report.references.append(Reference("trait", trait.path, *line_and_column, needs=trait.needs))
    return expression


def _line_and_column(node: ScalarNode, offset: int) -> tuple[int, int]:
    return node.line, node.column if node.offset is None else node.column + node.offset + offset


class _Reader:
    """One text to an expression. `traits` are those that it names, in order."""

    def __init__(self, text: str) -> None:
        self._indent = len(text) - len(text.lstrip())
        # A block of YAML may go over several lines, which would end an expression of Python.
        self._text = text.strip().replace("\n", " ")
        self._parts = 0
        self.traits: list[_TraitAt] = []

    def read(self) -> Expression:
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(self._text, mode="eval")
        except SyntaxError as error:
            if (date := _DATE.search(self._text)) is not None:
                raise _Wrong(self._indent + date.start(), "a date stands in quotes", f"write '{date[0]}'") from None
            offset = self._indent + max(0, (error.offset or 1) - 1)
            raise _Wrong(offset, f"not an expression: {error.msg}", _HINT) from None
        except (ValueError, MemoryError, RecursionError):
            raise _Wrong(0, "not an expression", _HINT) from None
        return self._expression(tree.body)

    def _offset(self, part: ast.expr) -> int:
        # Python counts the columns of a tree in bytes.
        return self._indent + len(self._text.encode()[: part.col_offset].decode())

    def _source(self, part: ast.expr) -> str:
        """The text as it is written: Python folds names to another form of Unicode than ours."""
        return ast.get_source_segment(self._text, part) or ""

    def _wrong(self, part: ast.expr, message: str, hint: str = "") -> _Wrong:
        return _Wrong(self._offset(part), message, hint)

    def _expression(self, part: ast.expr) -> Expression:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise self._wrong(part, f"more than {MAX_PARTS} parts", "make a trait of some of them")
        match part:
            case ast.Constant(value=bool() | int() | float() | str()):
                return self._constant(part)
            case ast.Name() | ast.Attribute():
                return self._trait(part)
            case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC:
                arguments = (self._number(part.left), self._number(part.right))
                return Function(_ARITHMETIC[type(operator)], arguments)
            case ast.UnaryOp(op=ast.USub()):
                return self._negated(part.operand)
            case ast.Call():
                return self._call(part)
            case ast.Compare() | ast.BoolOp() | ast.IfExp() | ast.UnaryOp(op=ast.Not()):
                raise self._wrong(part, "an expression compares nothing", "give a value by condition with `cases`")
            case ast.BinOp():
                raise self._wrong(part, "there is + - * / and nothing else", f"functions: {', '.join(FUNCTIONS)}")
            case _:
                raise self._wrong(
                    part, f"{self._source(part)!r} cannot stand in an expression", "traits, numbers, + - * / ( )"
                )

    def _constant(self, part: ast.Constant) -> Expression:
        value = part.value
        if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
            raise self._wrong(part, "a number that is out of range")
        if isinstance(value, float) and value in {float("inf"), float("-inf")}:
            raise self._wrong(part, "a number that is out of range")
        assert isinstance(value, bool | int | float | str)
        return Literally(value)

    def _negated(self, part: ast.expr) -> Expression:
        inner = self._number(part)
        if isinstance(inner, Literally) and isinstance(inner.value, int | float):
            return Literally(-inner.value)
        return Function("negate", (inner,))

    def _number(self, part: ast.expr) -> Expression:
        expression = self._needed(part, "number")
        if isinstance(expression, Literally) and isinstance(expression.value, str | bool):
            raise self._wrong(part, f"{self._source(part)} is no number", "texts are neither added nor joined")
        return expression

    def _time(self, part: ast.expr) -> Expression:
        expression = self._needed(part, "time")
        if isinstance(expression, Literally) and not (
            isinstance(expression.value, str) and parse_time(expression.value) is not None
        ):
            raise self._wrong(part, f"{self._source(part)} is no time", "a trait, or a date such as '2026-01-31'")
        if isinstance(expression, Function) and expression.name != "coalesce":
            source = self._source(part)
            hint = f"in quotes: '{source}'" if _DATE.fullmatch(source) else "it gives a number"
            raise self._wrong(part, f"{source} is no time", hint)
        return expression

    def _list(self, part: ast.expr) -> Expression:
        expression = self._needed(part, "list")
        if not isinstance(expression, TraitValue):
            raise self._wrong(part, f"{self._source(part)} is no list", "the name of a trait that is one")
        return expression

    def _needed(self, part: ast.expr, needs: Literal["number", "time", "list"]) -> Expression:
        expression = self._expression(part)
        if isinstance(expression, TraitValue):
            self.traits[-1] = msgspec.structs.replace(self.traits[-1], needs=needs)
        return expression

    def _trait(self, part: ast.expr) -> Expression:
        inner = part
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self._wrong(part, f"{self._source(part)!r} is no trait", "a trait's name; dots lead into objects")
        source = self._source(part)
        if source in _BOOLS:
            return Literally(_BOOLS[source])
        if source in FUNCTIONS:
            hint = f"write `{source}(...)`, or `trait('{source}')` for the trait of that name"
            raise self._wrong(part, f"{source} is a function", hint)
        return self._named(".".join(name.strip() for name in source.split(".")), part)

    def _named(self, text: str, part: ast.expr) -> Expression:
        path = path_of(text)
        if path is None:
            raise self._wrong(part, f"{quoted(text)} is not a path", PATH_HINT)
        path = (unicodedata.normalize("NFC", path[0]), *path[1:])
        self.traits.append(_TraitAt(path, self._offset(part)))
        return TraitValue(path)

    def _call(self, part: ast.Call) -> Expression:
        name = part.func.id if isinstance(part.func, ast.Name) else self._source(part.func)
        if part.keywords or any(isinstance(argument, ast.Starred) for argument in part.args):
            raise self._wrong(part, f"{name}() takes its arguments one after the other")
        if name == _TRAIT:
            return self._quoted_trait(part)
        if name not in FUNCTIONS:
            raise self._wrong(part, f"there is no function {name!r}", did_you_mean(name, FUNCTIONS))
        signature = FUNCTIONS[name]
        if not signature.least <= len(part.args) <= signature.most:
            wanted = signature.least if signature.least == signature.most else f"{signature.least} to {signature.most}"
            raise self._wrong(part, f"{name}() takes {wanted} arguments, not {len(part.args)}")
        if name == "round":
            return Function(name, (self._number(part.args[0]), Literally(self._digits(part))))
        return Function(name, tuple(map(self._reader_of(name), part.args)))

    def _reader_of(self, function: str) -> Callable[[ast.expr], Expression]:
        """How an argument of a function is read."""
        if function == "coalesce":
            return self._expression
        if function == "length":
            return self._list
        return self._time if function in {"days_since", "age"} else self._number

    def _digits(self, part: ast.Call) -> int:
        if len(part.args) == 1:
            return 0
        match part.args[1]:
            case ast.Constant(value=int(digits)) if digits is not True and 0 <= digits <= MAX_DIGITS:
                return int(digits)
            case _:
                raise self._wrong(
                    part.args[1], f"round() takes 0 to {MAX_DIGITS} digits", "such as `round(spent / orders, 2)`"
                )

    def _quoted_trait(self, part: ast.Call) -> Expression:
        match part.args:
            case [ast.Constant(value=str(name))] if name:
                return self._named(name, part)
            case _:
                raise self._wrong(part, "trait() takes one name in quotes", "such as `trait('customer level')`")
