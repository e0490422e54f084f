"""Functions of rules over the tuples of values, and those that every query begins with."""

from collections.abc import Sequence

from definitions.sql.columns import SqlText, joined, sql
from definitions.sql.times import CIVIL_OF, DAY_MS, NO_TIME, TEXT_OF_TIME, TIME_OF, civil
from definitions.sql.values import NOTHING, VALUE_OF, number_where

_FUNCTIONS = {"value_of": VALUE_OF, "time_of": TIME_OF, "text_of_time": TEXT_OF_TIME, "civil_of": CIVIL_OF}
WITH_FUNCTIONS = ",\n".join(f"({text}) AS {name}" for name, text in _FUNCTIONS.items())
"""What stands behind `WITH`."""

_ARITHMETIC = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "({0} / {1})",
    "negate": "(-{0})",
    "floor": "floor({0})",
    "round": "(roundBankers({0} * pow(10., {1})) / pow(10., {1}))",
}
_OF_ANY_NUMBER = {"min": "arrayMin([{0}])", "max": "arrayMax([{0}])"}


def compile_function(name: str, arguments: Sequence[SqlText], now: int) -> SqlText:
    """Compile a function to the tuple of its value."""
    match name:
        case "coalesce":
            cases = ", ".join(f"{{{number}}}.1 != 0, {{{number}}}" for number in range(len(arguments)))
            return sql(f"multiIf({cases}, {NOTHING})", *arguments)
        case "length":
            items = sql("length(JSONExtractArrayRaw({0}.3))", arguments[0])
            return number_where(sql("({0}.1 = 4 AND startsWith({0}.3, '['))", arguments[0]), items)
        case "days_since":
            days = f"intDiv({now} - time - positiveModulo({now} - time, {DAY_MS}), {DAY_MS})"
            return _of_time(days, arguments[0])
        case "age":
            year, day = civil(now)
            years = f"arrayMap(born -> {year} - born.1 - ({day} < born.2), [civil_of(time)])[1]"
            return _of_time(years, arguments[0])
        case _:
            return _of_numbers(name, arguments)


def _of_time(number: str, argument: SqlText) -> SqlText:
    """The tuple of a number that follows from the time that a value says."""
    template = f"arrayMap(time -> if(time = {NO_TIME}, {NOTHING}, (2, toFloat64({number}), '')), [time_of({{0}})])[1]"
    return sql(template, argument)


def _of_numbers(name: str, arguments: Sequence[SqlText]) -> SqlText:
    numbers = [sql("{0}.2", argument) for argument in arguments]
    if name in _OF_ANY_NUMBER:
        parameters = ", ".join(f"{{{number}}}" for number in range(len(numbers)))
        result = sql(_OF_ANY_NUMBER[name].format(parameters), *numbers)
    else:
        result = sql(_ARITHMETIC[name], *numbers)
    are_numbers = joined(" AND ", [sql("{0}.1 = 2", argument) for argument in arguments], "1")
    return number_where(sql("{0} AND isFinite({1})", are_numbers, result), result)
