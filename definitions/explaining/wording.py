"""Conditions in plain words, as a person would say them; their notation is `reading`'s."""

from collections.abc import Iterable, Iterator

import msgspec

from definitions.model import (
    AcrossTrigger,
    Aggregate,
    AggregateComparison,
    Comparison,
    ConsentComparison,
    EventCount,
    EventMatcher,
    Expression,
    Field,
    Function,
    InSegment,
    Leaf,
    Literally,
    Measure,
    Operator,
    Period,
    PropertyFilter,
    Sample,
    Scalar,
    Sequence,
    SessionComparison,
    Step,
    TraitComparison,
    TraitValue,
    Trigger,
    Window,
)
from definitions.paths import path_text
from definitions.plan.accumulators import Accumulator
from definitions.streaming.times import text_of

_UNITS = ((7 * 86_400_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))
_WORDS = {
    Operator.EQUALS: "is",
    Operator.NOT_EQUALS: "is not",
    Operator.GREATER_THAN: ">",
    Operator.GREATER_OR_EQUAL: ">=",
    Operator.LESS_THAN: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.IN: "is one of",
    Operator.NOT_IN: "is none of",
    Operator.CONTAINS: "contains",
    Operator.CONTAINS_ANY: "contains one of",
    Operator.NOT_CONTAINS: "does not contain",
    Operator.STARTS_WITH: "starts with",
    Operator.ENDS_WITH: "ends with",
    Operator.MATCHES: "matches",
    Operator.BEFORE: "lies before",
    Operator.AFTER: "lies after",
    Operator.WITHIN_LAST: "lies within the last",
    Operator.LONGER_AGO_THAN: "lies longer ago than",
    Operator.WITHIN_NEXT: "lies within the next",
}
_SIGNS = {"add": ("+", 1), "subtract": ("-", 1), "multiply": ("*", 2), "divide": ("/", 2)}
"""The sign of a function of two numbers, and how closely it binds them."""
_NEGATION = 3
_ANY = "event of any kind"
_TIMES = {Operator.BEFORE, Operator.AFTER}
_DURATIONS = {Operator.WITHIN_LAST, Operator.LONGER_AGO_THAN, Operator.WITHIN_NEXT}
_MEASURES = {
    Measure.COUNT: "number of",
    Measure.FIRST_AT: "time of the first of",
    Measure.LAST_AT: "time of the last of",
}
_OF_SESSIONS = {
    Measure.COUNT: "number of sessions",
    Measure.FIRST_AT: "beginning of the first session",
    Measure.LAST_AT: "beginning of the last session",
}


def in_words(leaf: Leaf) -> str:  # noqa: PLR0911 - one for each form
    """Return a leaf of a condition in words."""
    match leaf:
        case EventCount():
            same = "" if leaf.same is None else f" with one {_path(leaf.same)}"
            return f"{_number(leaf)} {_events(leaf.events)}{same}{_window(leaf.window)}"
        case AggregateComparison():
            return f"{aggregate_in_words(leaf.aggregate)} {_comparisons(leaf.comparisons)}"
        case Sequence():
            return _sequence(leaf)
        case TraitComparison():
            return f"trait {path_text(leaf.path)} {_comparisons(leaf.comparisons)}"
        case SessionComparison():
            return f"{leaf.fact} of the {leaf.session} session {_comparisons(leaf.comparisons)}"
        case InSegment():
            return f"in segment {leaf.name}"
        case Sample():
            return f"in the {leaf.permille / 10:g} % sample {leaf.salt!r}"
        case ConsentComparison():
            return f"consent to {leaf.purpose}{f' by {leaf.channel}' if leaf.channel else ''} is {leaf.answer}"


def aggregate_in_words(aggregate: Aggregate) -> str:
    """Return an aggregate in words."""
    if aggregate.events.sessions:
        return f"{_OF_SESSIONS[aggregate.measure]}{_window(aggregate.window)}"
    measure = _MEASURES.get(aggregate.measure, aggregate.measure.value.replace("_", " "))
    of = "" if aggregate.of is None else f" {_path(aggregate.of)} of"
    events = _events(aggregate.events).replace(_ANY, "events of any kind", 1)
    return f"{measure}{of} {events}{_window(aggregate.window)}"


def expression_in_words(expression: Expression, binding: int = 0) -> str:
    """Return an expression in the notation of the language; `binding`: how closely what stands around it binds."""
    match expression:
        case Literally(value=value):
            return _scalars(value)
        case TraitValue(path=path):
            text = path_text(path)
            return text if all(part.isidentifier() for part in path) else f"trait({_python_text(text)})"
        case Function(name="round", arguments=(argument, Literally(value=0))):
            return f"round({expression_in_words(argument)})"
        case Function(name="negate", arguments=(argument,)):
            return f"-{expression_in_words(argument, _NEGATION)}"
        case Function(name=name, arguments=(left, right)) if name in _SIGNS:
            sign, own = _SIGNS[name]
            words = f"{expression_in_words(left, own)} {sign} {expression_in_words(right, own + 1)}"
            return f"({words})" if own < binding else words
        case Function(name=name, arguments=arguments):
            return f"{name}({', '.join(map(expression_in_words, arguments))})"


def _python_text(text: str) -> str:
    """Return a text in quotes as an expression has it, which leaves a backslash before a dot as it is."""
    return repr(text).replace("\\\\.", "\\.")


def across_in_words(trigger: AcrossTrigger) -> str:
    """Return when a trigger across persons fires, in words."""
    counted = "people with " if trigger.counts == "people" else ""
    same = "" if trigger.same is None else f", each {_path(trigger.same)} by itself"
    usual = trigger.exceeds
    exceeds = "" if usual is None else f", and more than {usual.times:g} times the usual of {duration(usual.of_ms)}"
    within = duration(trigger.within_ms)
    return f"at least {trigger.at_least} {counted}{_events(trigger.events)} within {within}{same}{exceeds}"


def accumulator_in_words(accumulator: Accumulator) -> str:
    """Return in words of which events an accumulator is, of which of their values, and for how long it keeps them."""
    of = "" if accumulator.of is None else f", its {_path(accumulator.of)}"
    within = "" if accumulator.retain_ms is None else f" within {duration(accumulator.retain_ms)}"
    events = "sessions" if accumulator.keeping == "sessions" else _events(accumulator.events)
    return f"{events}{of}{within}"


def trigger_in_words(trigger: Trigger) -> str:
    """Return when a trigger about persons fires, in words; its condition is explained by itself."""
    if trigger.on is None:
        return "each time that its condition begins to hold"
    events = _events(trigger.on)
    return f"for each {events}" if trigger.when is None else f"for each {events}, while its condition holds"


def limits_in_words(trigger: Trigger) -> Iterator[str]:
    """Yield what keeps a trigger from firing, in words."""
    if trigger.once is not None:
        yield "once in a session" if trigger.once == "session" else "once for a person"
    if trigger.cool_down_ms is not None:
        then = "; what begins sooner, and lasts, fires then" if trigger.on is None else ""
        yield f"not within {duration(trigger.cool_down_ms)} of a firing{then}"
    quiet = trigger.quiet_hours
    if quiet is not None:
        hours = f"{_time_of_day(quiet.begins)} to {_time_of_day(quiet.ends)}"
        instead = "dropped" if quiet.drops else "delayed to their end"
        yield f"{instead} in quiet hours, {hours} of the person's day (else of {quiet.zone})"


def duration(milliseconds: int) -> str:
    """Return a duration in the notation of the language, in its largest whole unit."""
    for size, unit in _UNITS:
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _time_of_day(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _number(count: EventCount) -> str:
    least, most = count.at_least or 0, count.at_most
    if most is None:
        return f"at least {least}"
    if most == 0:
        return "no"
    return f"exactly {most}" if least == most else f"{least} to {most}" if least else f"at most {most}"


def _events(events: EventMatcher) -> str:
    if events.sessions:
        return "sessions"
    if not events.calls:
        names = _ANY
    else:
        names = " or ".join(
            (call.name or f"{call.type or 'any'} call")
            if call.type in {None, "track"} or call.name is None
            else f"{call.type} {call.name}"
            for call in events.calls
        )
    return f"{names}{_where(events.where)}{_period(events.occurred)}"


def _period(period: Period) -> str:
    since = "" if period.since is None else f" from {text_of(period.since)} on"
    return since if period.before is None else f"{since} before {text_of(period.before)}"


def _where(filters: Iterable[PropertyFilter]) -> str:
    texts = [f"{_path(Field(each.path, each.root))} {_comparisons(each.comparisons)}" for each in filters]
    return f" where {' and '.join(texts)}" if texts else ""


def _path(field: Field) -> str:
    path = path_text(field.path)
    return path if field.root == "properties" else f"{field.root}.{path}"


def _window(window: Window) -> str:
    texts = [] if window.ms is None else [f" within {duration(window.ms)}"]
    if window.session:
        texts.append(" in the current session")
    return ",".join(texts)


def _comparisons(comparisons: Iterable[Comparison]) -> str:
    return " and ".join(map(_comparison, comparisons))


def _comparison(comparison: Comparison) -> str:
    operator, operand = comparison.operator, comparison.operand
    if operator is Operator.EXISTS:
        return "is there" if operand else "is missing"
    if operator in _TIMES:
        return f"{_WORDS[operator]} {text_of(_whole(operand))}"
    if operator in _DURATIONS:
        return f"{_WORDS[operator]} {duration(_whole(operand))}"
    return f"{_WORDS[operator]} {_scalars(operand)}"


def _whole(operand: Scalar | tuple[Scalar, ...]) -> int:
    assert isinstance(operand, int), operand
    return operand


def _scalars(operand: Scalar | tuple[Scalar, ...]) -> str:
    if isinstance(operand, tuple):
        return ", ".join(map(_scalars, operand))
    return msgspec.json.encode(operand).decode()


def _sequence(sequence: Sequence) -> str:
    texts = [_events(sequence.steps[0].events), *(_step(step) for step in sequence.steps[1:])]
    same = "" if sequence.same is None else f", all with one {_path(sequence.same)}"
    often = "" if sequence.at_least == 1 else f" at least {sequence.at_least} times"
    return f"{', '.join(texts)}{same};{often} completed within {duration(sequence.within_ms)}"


def _step(step: Step) -> str:
    within = "" if step.within_ms is None else f" within {duration(step.within_ms)}"
    without = "" if step.without is None else f" without {_events(step.without)}"
    return f"then {'no ' if step.absent else ''}{_events(step.events)}{within}{without}"
