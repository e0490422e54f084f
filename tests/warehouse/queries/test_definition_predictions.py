"""What definitions would do that are not applied yet: sizes, entries, exits, and the events that they touch."""

from definitions.model import Call, Definitions, EventCount, EventMatcher, Not, Segment, Window
from tests.definitions.naive.lives import Happened
from tests.definitions.populations import person, record
from tests.warehouse.queries.test_definition_differences import entered, publish
from warehouse.client import Warehouse
from warehouse.queries.definition_predictions import DAY_MS, Prediction, Touch, count_touches, predict, sent_events
from warehouse.queries.definitions import EvaluationQuery, sizes

NOW = 1_700_000_000_000
HOUR_MS = 3_600_000
BOUGHT = EventMatcher((Call("track", "Buy"), Call("track", "Pay")))
BUYS = EventCount(BOUGHT, Window())


def test_who_would_enter_and_leave_is_counted(warehouse: Warehouse, workspace: str) -> None:
    bought, visited = (Happened(NOW, kind, name, message_id="m") for kind, name in (("track", "Buy"), ("page", None)))
    record(warehouse, workspace, {person(1): [bought], person(2): [bought], person(3): [visited], person(4): [visited]})
    publish(warehouse, [], [entered(workspace, person(at), "buyers") for at in (1, 3)])
    publish(warehouse, [], [entered(workspace, person(at), "gone") for at in (1, 9)], 10)
    definitions = Definitions((Segment("buyers", BUYS), Segment("others", Not(BUYS))))
    wanted = EvaluationQuery(definitions, workspace, "person", NOW)
    assert predict(warehouse, wanted, ["buyers", "others", "gone"]) == {
        "buyers": Prediction(size=2, entries=1, exits=1),
        "others": Prediction(size=2, entries=2, exits=0),
        "gone": Prediction(size=0, entries=0, exits=2),
    }
    assert predict(warehouse, EvaluationQuery(Definitions(), workspace, "person", NOW), []) == {}


def test_a_set_of_definitions_that_no_query_has_room_for_is_predicted_in_parts(
    warehouse: Warehouse, workspace: str
) -> None:
    """A thousand segments as one query were refused, and 600 took ten times as long as 100."""
    bought = [Happened(NOW - at * HOUR_MS, "track", "Buy", message_id=f"m{at}") for at in range(3)]
    record(warehouse, workspace, {person(1): bought})
    counts = {f"s{at}": EventCount(BOUGHT, Window(at * HOUR_MS + 1), 3) for at in range(1_000)}
    definitions = Definitions(tuple(Segment(name, count) for name, count in counts.items()))
    wanted = EvaluationQuery(definitions, workspace, "person", NOW)
    predicted = predict(warehouse, wanted, list(counts))
    assert [predicted[f"s{at}"].size for at in (0, 1, 2, 99, 100, 999)] == [0, 0, 1, 1, 1, 1]
    touched = {name: [count.events] for name, count in counts.items()}
    assert count_touches(warehouse, workspace, NOW, touched) == dict.fromkeys(counts, Touch(3, 3))
    assert {name: size for name, size in sizes(warehouse, wanted).items() if not size} == {"s0": 0, "s1": 0}


def test_events_that_a_definition_looks_for_are_counted(warehouse: Warehouse, workspace: str) -> None:
    times = [NOW - DAY_MS, NOW - DAY_MS + 1, NOW - 5, NOW, NOW + 1]
    bought = [Happened(at, "track", "Buy", message_id=f"m{at}") for at in times]
    record(warehouse, workspace, {person(1): [*bought, Happened(NOW, "page", "Pay", message_id="p")]})
    touched = {"buyers": [BOUGHT], "anybody": [EventMatcher()], "nobody": []}
    assert count_touches(warehouse, workspace, NOW, touched) == {
        "buyers": Touch(4, 3),
        "anybody": Touch(5, 4),
        "nobody": Touch(0, 0),
    }


def test_events_that_nobody_has_sent_are_told_from_those_that_were_sent(warehouse: Warehouse, workspace: str) -> None:
    bought = [Happened(NOW + at, "track", name, message_id=f"m{at}") for at, name in enumerate(("Buy", "Buy", "View"))]
    record(warehouse, workspace, {person(1): bought})
    sent, known = sent_events(warehouse, [workspace], ["Buy", "Byu", "view"])
    assert (sent, known[:2]) == ({"Buy"}, ["Buy", "View"])
