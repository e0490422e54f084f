"""SQL answers as the naive evaluation does: every form of definition, for every profile, at any time."""

from random import Random
from uuid import uuid4

from definitions.model import (
    Aggregate,
    Call,
    Comparison,
    Condition,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Function,
    Measure,
    Mining,
    Operator,
    Rule,
    Segment,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Window,
)
from definitions.model import Sequence as EventSequence
from schemas import topics
from tests.definitions.generated import BEGINNING, HUGE_NUMBERS, Generator
from tests.definitions.naive.lives import Happened
from tests.definitions.naive.sessions import GAP_MS
from tests.definitions.populations import check, moments, person, population, record, record_statements
from tests.sinks.examples import insert, placed, profile
from warehouse.client import Warehouse
from warehouse.queries.definitions import Evaluated, EvaluationQuery, evaluate, sizes, trait_values
from warehouse.queries.definitions import members as members_of

BOUGHT, VISITED = EventMatcher((Call("track", "Buy"),)), EventMatcher((Call("page"),))
PRODUCT, TOTAL = Field(("product",)), Field(("total",))
OF_NOTHING = {Measure.COUNT, Measure.FIRST_AT, Measure.LAST_AT}
OF_ANYTHING = {Measure.FIRST, Measure.LAST, Measure.DISTINCT, Measure.MOST_FREQUENT, Measure.VALUES, Measure.UNION}


def test_sql_agrees_with_the_naive_evaluation(warehouse: Warehouse, is_long: bool, examples: int) -> None:
    """In the long form 42 sets of 12 definitions over 1,000 histories, or fewer sets for fewer examples."""
    people, sets = (1_000, max(examples // 70, 3)) if is_long else (80, 3)
    histories, workspace = population(people), f"parity {uuid4()}"
    record(warehouse, workspace, histories)
    for seed in range(sets):
        definitions = Generator(Random(seed)).definitions(12)
        for number, now in enumerate(moments(seed, histories, 2)):
            record_statements(warehouse, workspace, histories, now, 2 * seed + number + 1)
            check(warehouse, workspace, definitions, histories, now)


def test_bounds_are_part_of_the_meaning(warehouse: Warehouse, workspace: str) -> None:
    """1,100 purchases, the first 100 of them of one product; 130 visits before the first one and behind the last."""
    early = [Happened(at, "track", "Buy", {"product": "first", "total": 7}, message_id=f"e{at}") for at in range(100)]
    late = [
        Happened(at, "track", "Buy", {"product": f"p{at % 230:03}", "total": at}, message_id=f"l{at}")
        for at in range(100, 1_100)
    ]
    visits = [Happened(at, "page", None, message_id=f"v{at}") for at in (*range(-130, 0), *range(2_000, 2_130))]
    aggregates = [
        Aggregate(
            BOUGHT, measure, None if measure in OF_NOTHING else PRODUCT if measure in OF_ANYTHING else TOTAL, window
        )
        for measure in Measure
        for window in (Window(), Window(9_999), Window(session=True))
        if measure is not Measure.UNION or window == Window()
    ]
    conditions: list[Condition] = [
        EventCount(BOUGHT, Window(9_999), at_least=1_050),
        EventCount(BOUGHT, Window(9_999), at_least=20, same=PRODUCT),
        EventCount(BOUGHT, Window(), at_least=5, same=PRODUCT),
        EventSequence((Step(VISITED), Step(BOUGHT)), 9_999),
        EventSequence((Step(VISITED), Step(BOUGHT)), 9_999, at_least=101),
        EventSequence((Step(BOUGHT), Step(VISITED)), 9_999, at_least=100),
        EventSequence((Step(BOUGHT), Step(VISITED, without=BOUGHT)), 9_999),
        EventSequence((Step(BOUGHT), Step(VISITED, 950, absent=True)), 9_999, at_least=50),
    ]
    definitions = Definitions(
        segments=tuple(Segment(f"s{number}", each) for number, each in enumerate(conditions)),
        traits=tuple(Trait(f"t{number}", Statistical(each)) for number, each in enumerate(aggregates)),
    )
    histories = {person(1): [*early, *late, *visits], person(2): late[:300]}
    moved = {
        profile_id: [event._replace(at=event.at + BEGINNING) for event in events]
        for profile_id, events in histories.items()
    }
    record(warehouse, workspace, moved)
    for now in (1_100, 2_129, 11_098):
        check(warehouse, workspace, definitions, moved, BEGINNING + now)


def test_of_sessions_the_newest_thousand_count_and_bounds_are_exact(warehouse: Warehouse, workspace: str) -> None:
    """Of one person 1,050 sessions just far enough apart, of the other events of which one gap is 1 ms too short."""
    sessions = EventMatcher(sessions=True)
    conditions = [
        EventCount(sessions, Window(), 1_000),
        EventCount(sessions, Window(), None, 1_000),
        EventCount(sessions, Window(2 * GAP_MS), 2, 2),
        EventCount(sessions, Window(GAP_MS), None, 0),
    ]
    measures = (Measure.COUNT, Measure.FIRST_AT, Measure.LAST_AT)
    aggregates = [
        Aggregate(sessions, measure, None, window) for measure in measures for window in (Window(), Window(9))
    ]
    definitions = Definitions(
        tuple(Segment(f"s{number}", each) for number, each in enumerate(conditions)),
        traits=tuple(Trait(f"t{number}", Statistical(each)) for number, each in enumerate(aggregates)),
    )
    histories = {
        person(number): [Happened(BEGINNING + at, "page", None, message_id=f"m{at}") for at in times]
        for number, times in enumerate(([at * GAP_MS for at in range(1_050)], (0, GAP_MS - 1, 2 * GAP_MS - 1)))
    }
    record(warehouse, workspace, histories)
    for now in (0, 2 * GAP_MS - 2, 2 * GAP_MS - 1, 3 * GAP_MS - 2, 1_049 * GAP_MS, 1_050 * GAP_MS - 1, 1_050 * GAP_MS):
        check(warehouse, workspace, definitions, histories, BEGINNING + now)


def test_numbers_beyond_every_sum_count_in_none(warehouse: Warehouse, workspace: str) -> None:
    """Of one person such a number is all there is, of another one it stands beside one that counts."""
    measures = (Measure.SUM, Measure.AVERAGE, Measure.MIN, Measure.MAX, Measure.MOST_FREQUENT)
    traits = tuple(
        Trait(f"{measure.value}_{number}", Statistical(Aggregate(BOUGHT, measure, TOTAL, window)))
        for measure in measures
        for number, window in enumerate((Window(), Window(9_999), Window(session=True)))
    )
    bought = [Happened(BEGINNING, "track", "Buy", {"total": total}, message_id="h") for total in HUGE_NUMBERS]
    histories = {person(number): [event] for number, event in enumerate(bought)}
    histories[person(9)] = [bought[0], Happened(BEGINNING + 1, "track", "Buy", {"total": 5}, message_id="s")]
    record(warehouse, workspace, histories)
    check(warehouse, workspace, Definitions(traits=traits), histories, BEGINNING + 1)


def test_a_union_is_of_lists_of_all_that_senders_send(warehouse: Warehouse, workspace: str) -> None:
    union = Aggregate(EventMatcher((Call("identify"),)), Measure.UNION, Field(("tags",), "traits"))
    mixed: list[object] = [["b", "a", "b", None], "c", 1, 1.0, [1.0, True, 2**64], None, [], {"a": 1}, ["d", ["e"], {}]]
    many: list[object] = [[f"{number:03}" for number in range(start, start + 150)] for start in (200, 0, 100)]
    everybody: list[list[object]] = [mixed, many, [["é" * 257]], [{"a": 1}, []]]
    histories = {
        person(number): [
            Happened(BEGINNING + at, "identify", None, traits={"tags": tags}, message_id=f"m{at}")
            for at, tags in enumerate(sent)
        ]
        for number, sent in enumerate(everybody)
    }
    record(warehouse, workspace, histories)
    conditions = [
        TraitComparison(("tags",), (Comparison(operator, operand),))
        for operator, operand in (
            (Operator.CONTAINS, "a"),
            (Operator.CONTAINS_ANY, ("{d}", 2.0**64)),
            (Operator.CONTAINS_ANY, ("199", "nobody's")),
            (Operator.CONTAINS_ANY, ("200", "e")),
            (Operator.EXISTS, False),
        )
    ]
    number = Rule((), Function("length", (TraitValue(("tags",)),)))
    definitions = Definitions(
        tuple(Segment(f"s{at}", condition) for at, condition in enumerate(conditions)),
        traits=(Trait("tags", Statistical(union)), Trait("number", number)),
    )
    for now in (0, 1, len(mixed)):
        check(warehouse, workspace, definitions, histories, BEGINNING + now)


def test_definitions_of_other_workspaces_and_kinds_are_left_out(warehouse: Warehouse, workspace: str) -> None:
    record(warehouse, workspace, {person(1): [Happened(BEGINNING, "track", "Buy", message_id="m")]})
    when = EventCount(BOUGHT, Window())
    segments = (
        Segment("own", when, workspaces=(workspace,)),
        Segment("other", when, workspaces=("other",)),
        Segment("tills", when, kind="device"),
    )
    wanted = EvaluationQuery(Definitions(segments), workspace, "person", BEGINNING)
    assert list(evaluate(warehouse, wanted)) == [Evaluated(person(1), frozenset({"own"}), {})]
    assert sizes(warehouse, wanted) == {"own": 1}
    assert sizes(warehouse, wanted._replace(kind="device")) == {"tills": 0}
    assert list(members_of(warehouse, wanted, "own")) == [person(1)]


def test_a_value_is_told_for_those_who_show_it(warehouse: Warehouse, workspace: str) -> None:
    bought = Happened(BEGINNING, "track", "Buy", {"total": 1.5}, message_id="m")
    record(warehouse, workspace, {person(1): [bought], person(2): [Happened(BEGINNING, "page", None, message_id="m")]})
    spent = Trait("spent", Statistical(Aggregate(BOUGHT, Measure.SUM, TOTAL)))
    wanted = EvaluationQuery(Definitions(traits=(spent,)), workspace, "person", BEGINNING)
    assert list(trait_values(warehouse, wanted, "spent")) == [(person(1), 1.5)]
    assert list(trait_values(warehouse, wanted._replace(now=BEGINNING - 1), "spent")) == []


def test_what_a_query_has_yielded_is_taken_from_the_profiles(warehouse: Warehouse, workspace: str) -> None:
    visit = Happened(BEGINNING, "page", None, message_id="m")
    record(warehouse, workspace, {person(1): [visit], person(2): [visit]})
    likely = profile(person(1), 1, workspace, traits='{"likelihood":0.75,"other":1}')
    insert(warehouse, [placed(topics.PROFILES, likely, 0)])
    is_likely = TraitComparison(("likelihood",), (Comparison(Operator.GREATER_THAN, 0.5),))
    definitions = Definitions((Segment("likely", is_likely),), traits=(Trait("likelihood", Mining("SELECT", 1)),))
    wanted = EvaluationQuery(definitions, workspace, "person", BEGINNING)
    assert sorted(evaluate(warehouse, wanted)) == [
        Evaluated(person(1), frozenset({"likely"}), {"likelihood": 0.75}),
        Evaluated(person(2), frozenset(), {}),
    ]
