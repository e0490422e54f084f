"""Events of all profiles together, counted by ClickHouse: as the plain reading of decision 0041 counts them."""

import json
import random
from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from definitions.across import tick_ms
from definitions.model import (
    AcrossTrigger,
    Call,
    Comparison,
    Counted,
    EventMatcher,
    Field,
    Operator,
    PropertyFilter,
    Usual,
)
from schemas import topics
from schemas.identity import profile_key
from schemas.records import Event, Identifier, Repetition
from tests.definitions.across.plain import Fired, Occurred, course
from tests.sinks.examples import Placed, codec, event, insert, placed, profile, resolved
from tests.support.kinds import one_is_enough
from warehouse.client import Warehouse
from warehouse.queries.across import (
    TriggerTicks,
    find_firings,
    find_numbers,
    find_usuals,
    first_event_at,
    latest_event_at,
)

pytestmark = pytest.mark.stack

MINUTE, HOUR = 60_000, 3_600_000
START = 1_700_000_100_000 // MINUTE * MINUTE
VIEWS = EventMatcher((Call("track", "Product Viewed"),))
MANY = AcrossTrigger("many", VIEWS, MINUTE, 2, Field(("product_id",)))
PEOPLE = ("ann", "bo", "cy")


def id_of(person: str) -> str:
    """A person; that of a name in capitals is a device."""
    number = sum(map(ord, person))
    return f"{number:08x}-0000-{'8d00' if person.isupper() else '5000'}-8000-{number:012x}"


def viewed(
    workspace: str, number: int, at: int, product: object = "a", person: str = "ann", **fields: object
) -> Placed:
    given = {
        "event": "Product Viewed",
        "occurred_at": at,
        "received_at": at,
        "identifiers": (Identifier("user_id", person),),
        "properties": json.dumps({"product_id": product}),
    }
    message_id = str(fields.pop("message_id", f"m{number}"))
    return resolved(event(message_id, workspace, **(given | fields)), number, id_of(person))


def fired(warehouse: Warehouse, trigger: AcrossTrigger, workspace: str, ticks: Sequence[int]) -> list[Fired]:
    result = find_firings(warehouse, TriggerTicks(trigger, workspace, ticks[0], ticks[-1]), None)
    return [Fired(each.tick, each.value, each.number, each.usual) for each in result.firings]


def numbers(warehouse: Warehouse, trigger: AcrossTrigger, workspace: str, tick: int) -> dict[str, int]:
    spans = find_numbers(warehouse, TriggerTicks(trigger, workspace, tick, tick), 1)
    return {value: sum(span.number for span in listed) for value, listed in spans.items()}


def random_history(choose: random.Random) -> list[Occurred]:
    """Events of nine minutes, crowded at the ends of windows and ticks."""
    times = [choose.randrange(-6 * MINUTE, 3 * MINUTE) for _ in range(50)]
    return [
        Occurred(START + choose.choice((at, at // 5_000 * 5_000, at // MINUTE * MINUTE)), value, choose.choice(PEOPLE))
        for at in times
        for value in [choose.choice(('"a"', '"a"', "7", "true"))]
    ]


@pytest.mark.parametrize("seed", one_is_enough(range(6)))
def test_random_histories_fire_as_the_plain_reading_says(warehouse: Warehouse, workspace: str, seed: int) -> None:
    choose = random.Random(seed)
    events = random_history(choose)
    inputs = (
        viewed(workspace, number, each.at, json.loads(each.value), each.person) for number, each in enumerate(events)
    )
    insert(warehouse, list(inputs))
    ticks = range(START, START + 3 * MINUTE, 5_000)
    for exceeds in (None, Usual(1.0, 3 * MINUTE), Usual(1.5, 4 * MINUTE)):
        for counts in ("events", "people"):
            trigger = replace(MANY, exceeds=exceeds, counts=counts, cool_down_ms=choose.choice((None, 25_000)))
            expected = list(course(trigger, events, ticks))
            assert fired(warehouse, trigger, workspace, ticks) == expected
            one = choose.choice(ticks)
            assert fired(warehouse, trigger, workspace, [one]) == list(course(trigger, events, [one]))


@pytest.mark.parametrize("counts", ["events", "people"])
@pytest.mark.parametrize("bursts", [0, 12], ids=["scattered", "one after the other"])
def test_a_range_of_many_values_says_what_its_ticks_say(
    warehouse: Warehouse, workspace: str, monkeypatch: pytest.MonkeyPatch, counts: Counted, bursts: int
) -> None:
    """Of more values than one question answers, each with more events in all than the one that fires."""
    monkeypatch.setattr("warehouse.queries.across.MOST_VALUES", 5)
    trigger = replace(MANY, at_least=3, counts=counts)
    scattered = [Occurred(START + 90_000 * each, f'"{v}"', PEOPLE[each % 3]) for v in range(8) for each in range(8)]
    crowded = [Occurred(START + 61_000 * v + 5, f'"c{v}"', person) for v in range(bursts) for person in PEOPLE]
    events = [*scattered, *crowded, *(Occurred(START + 6 * MINUTE, '"HOT"', person) for person in PEOPLE)]
    inputs = (
        viewed(workspace, number, each.at, json.loads(each.value), each.person) for number, each in enumerate(events)
    )
    insert(warehouse, list(inputs))
    ticks = range(START, START + 15 * MINUTE, 5_000)
    expected = list(course(trigger, events, ticks))
    assert {each.value for each in expected} == {'"HOT"', *(f'"c{number}"' for number in range(bursts))}
    assert fired(warehouse, trigger, workspace, ticks) == expected


def test_without_a_property_all_events_count_together(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [viewed(workspace, number, START + number, f"p{number}", "ANN") for number in range(3)])
    together = replace(MANY, same=None, at_least=3)
    assert fired(warehouse, together, workspace, [START, START + 5_000]) == [Fired(START + 5_000, "", 3, None)]


def test_a_long_window_is_evaluated_at_ticks_of_its_own(warehouse: Warehouse, workspace: str) -> None:
    trigger = replace(MANY, within_ms=HOUR, exceeds=Usual(2.0, 4 * HOUR))
    events = [Occurred(START + at, '"a"') for at in (-5 * HOUR, -2 * HOUR, 31_000, 31_500, 32_000, HOUR, HOUR + 7)]
    insert(warehouse, [viewed(workspace, number, each.at) for number, each in enumerate(events)])
    assert tick_ms(trigger) == 30_000
    ticks = range(START // 30_000 * 30_000, START + 2 * HOUR, 30_000)
    assert fired(warehouse, trigger, workspace, ticks) == list(course(trigger, events, ticks))


def test_what_is_one_value_and_what_is_none(warehouse: Warehouse, workspace: str) -> None:
    odd = ["1", 1, 1.0, 1.5, True, None, [1], {"a": 1}, "", "x" * 256, "x" * 257, "犹豫'\\", 1e300, 2**63, -0.0]
    insert(warehouse, [viewed(workspace, number, START, value) for number, value in enumerate(odd)])
    insert(warehouse, [viewed(workspace, 99, START, properties='{"product_id":1e999}')])
    long = json.dumps("x" * 256)
    assert numbers(warehouse, MANY, workspace, START) == {
        '"1"': 1, "1": 2, "1.5": 1, "true": 1, '""': 1, long: 1, '"犹豫\'\\\\"': 1,
        "1e+300": 1, "9.223372036854776e+18": 1, "0": 1,
    }  # fmt: skip


def test_filters_and_names_choose_the_events(warehouse: Warehouse, workspace: str) -> None:
    on_sale = PropertyFilter(("sale",), (Comparison(Operator.EQUALS, True),))
    sale = replace(MANY, events=EventMatcher((Call("track", "Product Viewed"), Call("page", None)), (on_sale,)))
    texts = ['{"product_id":"a","sale":true}', '{"product_id":"a","sale":false}', '{"product_id":"a"}']
    views = [viewed(workspace, number, START, properties=text) for number, text in enumerate(texts)]
    page = viewed(workspace, 8, START, type="page", event=None, properties=texts[0])
    other = viewed(workspace, 9, START, event="Product Added", properties=texts[0])
    insert(warehouse, [*views, page, other])
    assert numbers(warehouse, sale, workspace, START) == {'"a"': 2}
    assert numbers(warehouse, replace(MANY, events=EventMatcher()), workspace, START) == {'"a"': 5}


def repetition(workspace: str, of: msgspec.Struct, person: str) -> Placed:
    """What a profile says of an event that it had folded under another time."""
    assert isinstance(of, Event)
    said = Repetition(workspace, id_of(person), codec().encoder(Event)(of), True, 0, 1)
    return topics.EVENTS_REPEATED, 0, 1, profile_key(workspace, id_of(person)), said


def test_repeated_messages_count_once_and_devices_count_too(warehouse: Warehouse, workspace: str) -> None:
    first = viewed(workspace, 1, START)
    again = resolved(first[4], 7, id_of("ann"))  # type: ignore[arg-type]
    device = viewed(workspace, 2, START, person="DEV")
    later = viewed(workspace, 3, START + 1, message_id="m1")
    insert(warehouse, [first, device])
    insert(warehouse, [again, later])
    tick = START + 5_000
    assert numbers(warehouse, MANY, workspace, tick) == {'"a"': 3}, "its profile has not spoken yet"
    insert(warehouse, [repetition(workspace, later[4], "ann")])
    assert numbers(warehouse, MANY, workspace, tick) == {'"a"': 2}
    assert numbers(warehouse, replace(MANY, counts="people"), workspace, tick) == {'"a"': 2}


def test_people_are_those_of_now(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, [viewed(workspace, number, START, person=person) for number, person in enumerate(PEOPLE)])
    crowd = replace(MANY, counts="people")
    assert numbers(warehouse, crowd, workspace, START) == {'"a"': 3}
    both = (Identifier("user_id", "ann"), Identifier("user_id", "bo"))
    merged = profile(id_of("ann"), 2, workspace, identifiers=both, decision=1)
    insert(warehouse, [placed(topics.PROFILES, merged, 1)])
    assert numbers(warehouse, crowd, workspace, START) == {'"a"': 2}
    assert numbers(warehouse, MANY, workspace, START) == {'"a"': 3}, "events stay as many"


def test_the_usual_of_the_largest_values_is_known(warehouse: Warehouse, workspace: str) -> None:
    trigger = replace(MANY, exceeds=Usual(2.0, 4 * MINUTE))
    times = [(START - at * MINUTE, "a" if at % 2 else "b") for at in range(1, 5)]
    insert(warehouse, [viewed(workspace, number, at, value) for number, (at, value) in enumerate(times)])
    usuals = find_usuals(warehouse, TriggerTicks(trigger, workspace, START, START))
    assert usuals is not None
    assert [usuals.of(value, START) for value in ('"a"', '"b"', '"c"')] == [0.5, 0.5, 0.0]
    assert find_usuals(warehouse, TriggerTicks(MANY, workspace, START, START)) is None


def test_the_first_and_the_latest_event_of_a_workspace(warehouse: Warehouse, workspace: str) -> None:
    assert first_event_at(warehouse, workspace) is None
    assert latest_event_at(warehouse, workspace) is None
    times = [START - 40 * 24 * HOUR, START - 40 * 24 * HOUR + 5, START]
    insert(warehouse, [viewed(workspace, number, at) for number, at in enumerate(times)])
    assert first_event_at(warehouse, workspace) == times[0]
    assert latest_event_at(warehouse, workspace) == START
    assert latest_event_at(warehouse, workspace, received=START - 1) == times[1]
