"""Links by their ends, with their events and what was decided before, from the tables that the sink fills."""

import pytest

from schemas import topics
from schemas.records import Identifier, Pair
from tests.sinks.examples import NOW, event, insert, placed, resolved
from tests.sinks.history import device_profile_of, named, profile_of, tie
from warehouse.client import Warehouse
from warehouse.queries.links import Links, ShownLink

pytestmark = pytest.mark.stack


def ends(link: ShownLink) -> tuple[str, str]:
    return link.left.value, link.right.value


def test_links_are_found_by_either_end_with_the_event_that_showed_them(
    warehouse: Warehouse, family_workspace: str
) -> None:
    links = Links(warehouse, family_workspace)
    by_left, by_right = (links.of([named(end)], 100) for end in ("user_id:ben", "anonymous_id:tablet"))
    (bens,) = by_left
    assert (ends(bens), bens.status, bens.reason) == (("ben", "tablet"), "refused", "shared")
    assert (bens.type, bens.event, bens.message_id, bens.source) == ("track", "Signed In", "m3", "app")
    assert sorted(map(ends, by_right)) == [("ada", "tablet"), ("ben", "tablet")]
    assert links.of([], 100) == links.of([named("user_id:nobody")], 100) == []


def test_a_link_has_the_event_of_its_own_source_where_another_one_has_the_same_message_id(
    warehouse: Warehouse, workspace: str
) -> None:
    pair, sources = (named("user_id:ada"), named("cookie:c")), ("app", "web", "crm")
    sent = [
        event("1", workspace, source=source, event=f"of {source}", identifiers=pair, occurred_at=NOW)
        for source in sources[:2]
    ]
    links = [tie(workspace, *pair, at, message_id="1", source=source) for at, source in enumerate(sources)]
    insert(warehouse, [resolved(one, at) for at, one in enumerate(sent)])
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(links)])
    shown = {link.source: link.event for link in Links(warehouse, workspace).of(pair, 10)}
    assert shown == {"app": "of app", "web": "of web", "crm": None}


def test_active_links_come_last_where_there_are_too_many(warehouse: Warehouse, workspace: str) -> None:
    email = Identifier("email", "list@example.com")
    statuses = ("active", "refused", "active", "retracted")
    links = [tie(workspace, email, Identifier("cookie", f"c{at}"), at, status=one) for at, one in enumerate(statuses)]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(links)])
    found = Links(warehouse, workspace).of([email], 3)
    assert [ends(link)[1] for link in found] == ["c2", "c0", "c3"]


def test_a_link_is_shown_with_what_was_decided_before(warehouse: Warehouse, workspace: str) -> None:
    pair, statuses = (named("user_id:ada"), named("cookie:c")), ("active", "refused", "retracted")
    decided = [tie(workspace, *pair, at, status=status, reason=f"r{at}") for at, status in enumerate(statuses, 1)]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(decided)])
    links = Links(warehouse, workspace)
    (link,) = links.with_history(links.of([pair[0]], 10), 10)
    assert (link.decision, link.status) == (3, "retracted")
    assert [(one.decision, one.status, one.reason) for one in link.earlier] == [
        (1, "active", "r1"),
        (2, "refused", "r2"),
    ]


def test_pairs_are_found_by_status_source_and_time(warehouse: Warehouse, family_workspace: str) -> None:
    links = Links(warehouse, family_workspace)
    waiting = links.pairs("waiting")
    assert waiting == (Pair(named("phone:+498001000"), named("email:caller4@example.com")),)
    ada, email, laptop = named("user_id:ada"), named("email:ada@example.com"), named("anonymous_id:laptop")
    assert links.pairs("active", "web") == (Pair(ada, laptop, "web"), Pair(ada, email, "web"))
    assert links.pairs("active", "web", NOW * 2) == links.pairs("active", "crm") == ()
    assert [link.decision for link in links.waiting(5)] == [link.decision for link in links.waiting(1)]


def test_identifiers_lead_to_their_profiles_and_devices_to_the_second_sign_in(
    warehouse: Warehouse, family_workspace: str
) -> None:
    links = Links(warehouse, family_workspace)
    identifiers = [named(text) for text in ("user_id:ada", "anonymous_id:tablet", "user_id:nobody")]
    assert links.profile_ids(identifiers) == {
        identifiers[0]: profile_of("user_id:ada"),
        identifiers[1]: device_profile_of("anonymous_id:tablet"),
    }
    shared = links.shared(identifiers)
    assert [(one.value, one.since, one.decision) for one in shared.values()] == [
        ("tablet", "2026-03-01T08:03:00.000Z", 3)
    ]
