"""Counts and aggregates of events."""

from typing import NamedTuple

from definitions.model import Aggregate, EventCount, Measure
from definitions.plan.accumulators import MAX_DISTINCT, MAX_SESSIONS, MAX_VALUES
from definitions.sql.columns import SqlText, sql
from definitions.sql.events import EVENT_ORDER
from definitions.sql.profiles import Profiles
from definitions.sql.sessions import begun, current_start
from definitions.sql.values import NOTHING, fitting, json_of, number_where, of_number

MAX_SUMMAND = "1000000000000."
_NUMERIC = frozenset({Measure.SUM, Measure.AVERAGE, Measure.MIN, Measure.MAX})
# Of every row, also of those that a condition leaves out: of a number beyond all sums it must not fail.
MILLIONTHS = f"toInt128(toInt64(roundBankers(if(abs({{0}}) <= {MAX_SUMMAND}, {{0}}, 0.) * 1000000.)))"


class Computed(NamedTuple):
    """The tuple of an aggregate's value, and whether it is of any event."""

    value: SqlText
    is_shown: SqlText


def compile_count(count: EventCount, profiles: Profiles) -> SqlText:
    """Compile a count: whether the number of events lies between its bounds."""
    window = count.window
    if count.events.sessions:
        return _between(sql("length({0})", begun(profiles, window.ms, MAX_SESSIONS)), count)
    if count.same is not None:
        matching = profiles.events.with_value(count.events, count.same)
        values = _values(profiles, _newest(profiles, matching, profiles.events.value(count.events, count.same), count))
        return sql("arrayExists(x -> {1}, {0})", values, _between(sql("countEqual({0}, x)", values), count))
    matching = profiles.inside(window.ms, profiles.events.matching(count.events))
    if window.session:
        times = profiles.aggregate("groupArrayIf(at, {0})", matching)
        number = profiles.column("arrayCount(time -> time >= {1}, {0})", times, current_start(profiles))
    else:
        number = profiles.aggregate("countIf({0})", matching)
    return _between(number, count)


def compile_aggregate(aggregate: Aggregate, profiles: Profiles) -> Computed:
    """Compile an aggregate to its value."""
    if aggregate.measure is Measure.UNION:
        return _union(aggregate, profiles)
    if aggregate.events.sessions:
        return _of_sessions(aggregate, profiles)
    events, of = profiles.events, aggregate.of
    matching = events.with_value(aggregate.events, of, numbers=aggregate.measure in _NUMERIC)
    value = None if of is None else events.value(aggregate.events, of)
    if aggregate.window.ms is None and not aggregate.window.session:
        return _of_all(aggregate.measure, matching, value, profiles)
    newest = _newest(profiles, matching, value, aggregate)
    computed = profiles.named(_of_newest(aggregate.measure, newest, profiles))
    return Computed(computed, sql("notEmpty({0})", newest))


def counted(values: SqlText, profiles: Profiles) -> SqlText:
    """Return those of the values of events that count, each once and in their order."""
    return profiles.column(f"arraySlice(arraySort(arrayDistinct({{0}})), 1, {MAX_DISTINCT})", values)


def _union(aggregate: Aggregate, profiles: Profiles) -> Computed:
    assert aggregate.of is not None
    matching = profiles.events.matching(aggregate.events)
    members = profiles.events.members(aggregate.events, aggregate.of)
    distinct = counted(profiles.aggregate("groupUniqArrayArrayIf({1}, {0})", matching, members), profiles)
    return Computed(profiles.named(_listed(distinct)), sql("notEmpty({0})", distinct))


def _of_sessions(aggregate: Aggregate, profiles: Profiles) -> Computed:
    times = begun(profiles, aggregate.window.ms, MAX_VALUES)
    is_any = sql("notEmpty({0})", times)
    match aggregate.measure:
        case Measure.FIRST_AT:
            value = text_of_time(is_any, sql("{0}[1]", times))
        case Measure.LAST_AT:
            value = text_of_time(is_any, sql("{0}[-1]", times))
        case _:
            value = of_number(sql("length({0})", times))
    return Computed(profiles.named(value), is_any)


def text_of_time(is_set: SqlText, time: SqlText) -> SqlText:
    """Return the tuple of a time as a text, nothing unless it is set."""
    return sql(f"if({{0}}, (1, 0., text_of_time({{1}})), {NOTHING})", is_set, time)


def _between(number: SqlText, count: EventCount) -> SqlText:
    bounds = [f"{{0}} >= {count.at_least}"] if count.at_least is not None else []
    bounds += [f"{{0}} <= {count.at_most}"] if count.at_most is not None else []
    return sql(f"({' AND '.join(bounds) or '1'})", number)


def _newest(profiles: Profiles, matching: SqlText, value: SqlText | None, aggregate: EventCount | Aggregate) -> SqlText:
    """The newest events in the window, in their order."""
    newest = profiles.gathered(profiles.inside(aggregate.window.ms, matching), value, MAX_VALUES)
    if not aggregate.window.session:
        return newest
    return profiles.column("arrayFilter(event -> event.1.1 >= {1}, {0})", newest, current_start(profiles))


def _values(profiles: Profiles, events: SqlText) -> SqlText:
    return profiles.column("arrayMap(event -> event.2, {0})", events)


def _of_all(measure: Measure, matching: SqlText, value: SqlText | None, profiles: Profiles) -> Computed:
    number = profiles.aggregate("countIf({0})", matching)
    is_any = sql("{0} > 0", number)
    return Computed(profiles.named(_value_of_all(measure, matching, value, number, profiles)), is_any)


def _value_of_all(  # noqa: PLR0911 - one for each measure
    measure: Measure, matching: SqlText, value: SqlText | None, number: SqlText, profiles: Profiles
) -> SqlText:
    is_any, of_events = sql("{0} > 0", number), profiles.aggregate
    match measure:
        case Measure.COUNT:
            return of_number(number)
        case Measure.FIRST_AT:
            return text_of_time(is_any, of_events("minIf(at, {0})", matching))
        case Measure.LAST_AT:
            return text_of_time(is_any, of_events("maxIf(at, {0})", matching))
    assert value is not None
    match measure:
        case Measure.FIRST:
            return of_events(f"argMinIf({{1}}, {EVENT_ORDER}, {{0}})", matching, value)
        case Measure.LAST:
            return of_events(f"argMaxIf({{1}}, {EVENT_ORDER}, {{0}})", matching, value)
        case Measure.MIN:
            return number_where(is_any, of_events("minIf({1}.2, {0})", matching, value))
        case Measure.MAX:
            return number_where(is_any, of_events("maxIf({1}.2, {0})", matching, value))
        case Measure.SUM | Measure.AVERAGE:
            summand = sql(f"{{0}} AND abs({{1}}.2) <= {MAX_SUMMAND}", matching, value)
            total = of_events(f"sumIf({MILLIONTHS.format('{1}.2')}, {{0}})", summand, value)
            return _of_sum(measure, total, of_events("countIf({0})", summand))
        case _:
            values = of_events("groupArrayIf({1}, {0})", matching, value)
            return _of_distinct(measure, values, counted(values, profiles))


def _of_newest(measure: Measure, newest: SqlText, profiles: Profiles) -> SqlText:  # noqa: PLR0911 - one for each measure
    is_any = sql("notEmpty({0})", newest)
    match measure:
        case Measure.COUNT:
            return of_number(sql("length({0})", newest))
        case Measure.FIRST_AT:
            return text_of_time(is_any, sql("{0}[1].1.1", newest))
        case Measure.LAST_AT:
            return text_of_time(is_any, sql("{0}[-1].1.1", newest))
    values = _values(profiles, newest)
    match measure:
        case Measure.FIRST:
            return sql("{0}[1]", values)
        case Measure.LAST:
            return sql("{0}[-1]", values)
        case Measure.MIN:
            return number_where(is_any, sql("arrayMin(x -> x.2, {0})", values))
        case Measure.MAX:
            return number_where(is_any, sql("arrayMax(x -> x.2, {0})", values))
        case Measure.SUM | Measure.AVERAGE:
            summands = profiles.column(f"arrayFilter(x -> abs(x.2) <= {MAX_SUMMAND}, {{0}})", values)
            total = f"arrayReduce('sum', arrayMap(x -> {MILLIONTHS.format('x.2')}, {{0}}))"
            return _of_sum(measure, profiles.column(total, summands), sql("length({0})", summands))
        case _:
            return _of_distinct(measure, values, profiles.column("arraySort(arrayDistinct({0}))", values))


def _of_sum(measure: Measure, millionths: SqlText, number: SqlText) -> SqlText:
    if measure is Measure.SUM:
        return of_number(sql("toFloat64({0}) / 1000000.", millionths))
    return number_where(sql("{0} > 0", number), sql("toFloat64({0}) / {1} / 1000000.", millionths, number))


def _of_distinct(measure: Measure, values: SqlText, distinct: SqlText) -> SqlText:
    match measure:
        case Measure.DISTINCT:
            return of_number(sql("length({0})", distinct))
        case Measure.VALUES:
            return _listed(distinct)
        case _:
            numbers = sql("arrayMap(x -> countEqual({1}, x), {0})", distinct, values)
            return sql("{0}[indexOf({1}, arrayMax({1}))]", distinct, numbers)


def _listed(distinct: SqlText) -> SqlText:
    return sql(f"if(empty({{0}}), {NOTHING}, (4, 0., {{1}}))", distinct, json_of(fitting(distinct)))
