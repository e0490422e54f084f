"""What verification finds: memberships and values of the streams that are not what SQL says, and no one who moves."""

import json
from collections.abc import Sequence
from functools import partial

import pytest

from definitions.model import (
    Aggregate,
    Call,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Segment,
    Statistical,
    Trait,
    Window,
)
from runtime.kafka.partitions import partition_of
from schemas import topics
from schemas.identity import profile_key
from schemas.records import Profile, SegmentChange
from tests.definitions.naive.lives import Happened
from tests.definitions.populations import person, record
from tests.sinks.examples import insert, placed, profile
from warehouse.client import Warehouse
from warehouse.queries import definition_differences
from warehouse.queries.definition_differences import Drift, Point, differences, latest_times, moving
from warehouse.queries.definitions import EvaluationQuery, sliced

BOUGHT = EventMatcher((Call("track", "Buy"),))
PRODUCT = Field(("product",))
DEFINITIONS = Definitions(
    segments=(Segment("buyers", EventCount(BOUGHT, Window(100))), Segment("twice", EventCount(BOUGHT, Window(), 2))),
    traits=(
        Trait("spent", Statistical(Aggregate(BOUGHT, Measure.SUM, Field(("total",))))),
        Trait("购买", Statistical(Aggregate(BOUGHT, Measure.VALUES, PRODUCT))),
    ),
)
NOW = 1_700_000_000_000
ADA, BOB, EVE = person(1), person(2), person(3)


def bought(at: int, **properties: object) -> Happened:
    return Happened(at, "track", "Buy", properties, message_id=f"m{at}")


def known(workspace: str, profile_id: str, traits: dict[str, object], updated_at: int = NOW) -> Profile:
    return profile(profile_id, 1, workspace, traits=json.dumps(traits), updated_at=updated_at)


def entered(workspace: str, profile_id: str, segment: str, version: int = 1) -> SegmentChange:
    change_id = f"{profile_id}{segment}"
    return SegmentChange(workspace, change_id, profile_id, segment, "entered", NOW, "m", version)


def publish(
    warehouse: Warehouse, profiles: Sequence[Profile], changes: Sequence[SegmentChange], offset: int = 0
) -> None:
    records = [(topics.PROFILES, each) for each in profiles] + [(topics.SEGMENTS, each) for each in changes]
    insert(warehouse, [placed(topic, each, offset + at) for at, (topic, each) in enumerate(records)])


@pytest.fixture
def shop(warehouse: Warehouse, workspace: str) -> EvaluationQuery:
    """Ada has bought twice, long ago and just now, Bob just now; the streams say so."""
    record(
        warehouse,
        workspace,
        {
            ADA: [bought(NOW - 100, total=1.5, product="a"), bought(NOW - 1, total=2, product=7)],
            BOB: [bought(NOW, total="9")],
        },
    )
    publish(
        warehouse,
        [known(workspace, ADA, {"spent": 3.5, "购买": ["a", 7.0], "plan": "pro"}), known(workspace, BOB, {})],
        [
            entered(workspace, profile_id, name)
            for profile_id, name in ((ADA, "buyers"), (ADA, "twice"), (BOB, "buyers"))
        ],
    )
    return EvaluationQuery(DEFINITIONS, workspace, "person", NOW)


POINT = Point(received=NOW, updated=NOW)


def test_nothing_differs_where_both_say_the_same(warehouse: Warehouse, shop: EvaluationQuery) -> None:
    assert list(differences(warehouse, shop, POINT)) == []
    assert moving(warehouse, shop, POINT) == 0


def test_each_membership_and_value_that_is_wrong_is_found_with_its_person(
    warehouse: Warehouse, shop: EvaluationQuery
) -> None:
    later = shop._replace(now=NOW + 99)
    wrong = known(shop.workspace, BOB, {"spent": 9, "购买": ["a"]})
    publish(warehouse, [wrong], [entered(shop.workspace, BOB, "twice"), entered(shop.workspace, EVE, "gone")], 10)
    assert sorted(differences(warehouse, later, POINT), key=lambda each: each.profile_id) == [
        Drift(ADA, (), ("buyers",), {}),
        Drift(BOB, (), ("twice",), {"spent": (None, 9.0), "购买": (None, ["a"])}),
        Drift(EVE, (), ("gone",), {}),
    ]
    assert [each.profile_id for each in differences(warehouse, later, POINT, [BOB])] == [BOB]


def test_what_differs_is_the_same_in_however_many_queries(
    warehouse: Warehouse, shop: EvaluationQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = known(shop.workspace, BOB, {"spent": 9, "购买": ["a"]})
    publish(warehouse, [wrong], [entered(shop.workspace, BOB, "twice"), entered(shop.workspace, EVE, "gone")], 10)
    at_once = sorted(differences(warehouse, shop, POINT), key=lambda each: each.profile_id)
    monkeypatch.setattr(definition_differences, "sliced", partial(sliced, most=1))
    found = sorted(differences(warehouse, shop, POINT), key=lambda each: each.profile_id)
    assert (
        found
        == at_once
        == [
            Drift(BOB, (), ("twice",), {"spent": (None, 9.0), "购买": (None, ["a"])}),
            Drift(EVE, (), ("gone",), {}),
        ]
    )


def test_a_member_that_the_streams_lack_is_missing(warehouse: Warehouse, shop: EvaluationQuery) -> None:
    record(warehouse, shop.workspace, {EVE: [bought(NOW - 5, total=1)]})
    publish(warehouse, [known(shop.workspace, EVE, {"spent": 1.000001})], [], 20)
    (found,) = differences(warehouse, shop, POINT)
    assert found == Drift(EVE, ("buyers",), (), {"spent": (1.0, 1.000001)})


def test_who_has_moved_since_is_left_out_and_counted(warehouse: Warehouse, shop: EvaluationQuery) -> None:
    record(warehouse, shop.workspace, {ADA: [bought(NOW + 1)], EVE: [bought(NOW)]})
    publish(warehouse, [known(shop.workspace, EVE, {}, updated_at=NOW + 1)], [], 30)
    assert list(differences(warehouse, shop._replace(now=NOW + 500), POINT, [ADA, EVE])) == []
    assert moving(warehouse, shop, POINT) == 2
    assert [each.profile_id for each in differences(warehouse, shop, Point(NOW + 1), [ADA, EVE])] == [EVE]


def test_who_is_ahead_of_the_time_is_left_out(warehouse: Warehouse, shop: EvaluationQuery) -> None:
    ahead = profile(EVE, 1, shop.workspace, traits='{"spent":5}', updated_at=NOW, last_seen_at=NOW + 1)
    publish(warehouse, [ahead], [], 50)
    assert list(differences(warehouse, shop, POINT)) == []
    assert moving(warehouse, shop, POINT) == 1


def test_profiles_can_be_queried_by_partition_each_at_its_own_time(warehouse: Warehouse, shop: EvaluationQuery) -> None:
    publish(warehouse, [known(shop.workspace, profile_id, {}) for profile_id in (ADA, BOB)], [], 40)
    partitions = {each: partition_of(profile_key(shop.workspace, each), 5) for each in (ADA, BOB)}
    found = {
        number: [each.profile_id for each in differences(warehouse, shop, Point(NOW, partition=(number, 5)))]
        for number in range(5)
    }
    assert found == {number: [ADA] if number == partitions[ADA] else [] for number in range(5)}
    assert latest_times(warehouse, shop.workspace, 5) == (
        {partitions[ADA]: NOW - 1, partitions[BOB]: NOW}
        if partitions[ADA] != partitions[BOB]
        else {partitions[ADA]: NOW}
    )
