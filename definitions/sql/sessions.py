"""Sessions of a profile: when the current, first and last one are, and their facts."""

from definitions.model import SESSION_FACTS, SESSION_GAP_MS, SessionComparison, SessionName
from definitions.sql.columns import SqlText, sql
from definitions.sql.events import EVENT_ORDER
from definitions.sql.profiles import Profiles
from definitions.sql.values import NOTHING, passes

NEVER = 2**62
MAX_FACT_LENGTH = 200
_SENT_AS = {"entry_page": "page"}
_TYPES = ", ".join(f"{_SENT_AS.get(fact, fact)} String" for fact in SESSION_FACTS)
_FACTS = f"JSONExtract(context, 'facts', 'Tuple({_TYPES})')"
_TEXTS = f"[{', '.join(f'leftUTF8(facts.{number + 1}, {MAX_FACT_LENGTH})' for number in range(len(SESSION_FACTS)))}]"


def current_start(profiles: Profiles) -> SqlText:
    """Return when the session began that goes on; NEVER where there is none."""
    times = _times(profiles)
    return profiles.column(
        f"if({profiles.now} - {{0}}[-1] >= {SESSION_GAP_MS}, {NEVER}, {{1}}[-1])", times, _starts(profiles, times)
    )


def begun(profiles: Profiles, within_ms: int | None, newest: int) -> SqlText:
    """Return when each of the newest sessions began that began in a window of time, in order."""
    starts = _starts(profiles, _times(profiles))
    if within_ms is not None:
        starts = profiles.column(f"arrayFilter(time -> time > {profiles.now - within_ms}, {{0}})", starts)
    return profiles.column(f"arraySlice({{0}}, {-newest})", starts)


def spans(profiles: Profiles, matching: SqlText, newest: int) -> SqlText:
    """Return when each of the newest sessions of some events began and ended, in order."""
    times = profiles.column("arraySort({0})", profiles.aggregate("groupArrayIf(at, {0})", matching))
    ends = profiles.column(
        f"arrayFilter((time, gap) -> gap >= {SESSION_GAP_MS}, {{0}},"
        f" arrayResize(arrayPopFront(arrayDifference({{0}})), length({{0}}), {SESSION_GAP_MS}))",
        times,
    )
    return profiles.column(f"arraySlice(arrayZip({{0}}, {{1}}), {-newest})", _starts(profiles, times), ends)


def compile_session(comparison: SessionComparison, profiles: Profiles) -> SqlText:
    """Compile a condition on a session: whether its fact passes."""
    facts = _facts(comparison.session, profiles)
    number = SESSION_FACTS.index(comparison.fact) + 1
    fact = profiles.column(f"if({{0}}[{number}] = '', {NOTHING}, (1, 0., {{0}}[{number}]))", facts)
    return passes(fact, comparison.comparisons, profiles.now)


def _times(profiles: Profiles) -> SqlText:
    return profiles.column("arraySort({0})", profiles.aggregate("groupArray(at)"))


def _starts(profiles: Profiles, times: SqlText) -> SqlText:
    return profiles.column(
        f"arrayFilter((time, gap, number) -> number = 1 OR gap >= {SESSION_GAP_MS}, {{0}}, arrayDifference({{0}}),"
        " arrayEnumerate({0}))",
        times,
    )


def _facts(session: SessionName, profiles: Profiles) -> SqlText:
    """The facts of the first event of a session that has any."""
    facts = profiles.events.column(SqlText(f"arrayMap(facts -> {_TEXTS}, [{_FACTS}])[1]"))
    gathered = profiles.aggregate(
        f"groupArrayIf(({EVENT_ORDER}, {{0}}), arrayExists(fact -> fact != '', {{0}}))", facts
    )
    sorted_facts = profiles.column("arraySort({0})", gathered)
    starts = _starts(profiles, _times(profiles))
    match session:
        case "current":
            is_inside = sql("event.1.1 >= {0}", current_start(profiles))
        case "last":
            is_inside = sql("event.1.1 >= {0}[-1]", starts)
        case "first":
            is_inside = sql("(length({0}) < 2 OR event.1.1 < {0}[2])", starts)
    return profiles.column("arrayFirst(event -> {1}, {0}).2", sorted_facts, is_inside)
