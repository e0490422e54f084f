"""Whatever is inserted again, late or twice: every table ends with the rows that hold now."""

import random
import re
from collections.abc import Sequence

import msgspec
import pytest

from schemas import topics
from schemas.records import Event, Identifier, Membership, OpenSession, Repetition, SessionFacts
from tests.sinks.examples import (
    ADA,
    ADAS,
    NOW,
    PHONE,
    PHONES,
    Placed,
    batch,
    change,
    codec,
    event,
    insert,
    link,
    placed,
    profile,
    resolved,
    session,
)
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack


def rows(warehouse: Warehouse, query: str, workspace: str) -> list[tuple[object, ...]]:
    return tuples(warehouse, f"{query} SETTINGS final = 1", {"workspace": workspace})


def history(workspace: str) -> list[Placed]:
    """Ada's phone buys, she signs in on it, and the two become one."""
    merged = {"identifiers": (ADA, PHONE), "events": 2, "decision": 1}
    return [
        resolved(event("m1", workspace), 0),
        placed(topics.PROFILES, profile(PHONES, 4, workspace, identifiers=(PHONE,)), 0),
        placed(topics.SESSIONS, session("s1", 1, workspace, profile_id=PHONES), 0),
        resolved(event("m2", workspace, identifiers=(ADA, PHONE)), 1, ADAS),
        placed(topics.PROFILES, profile(ADAS, 1, workspace, identifiers=(ADA,)), 1),
        placed(topics.SEGMENTS, change("c1", 2, "entered", workspace), 0),
        placed(topics.IDENTITY_LINKS, link(1, workspace=workspace), 0),
        placed(topics.PROFILES, profile(PHONES, 5, workspace, merged_into=ADAS, decision=1), 2),
        placed(topics.SESSIONS, session("s1", 5, workspace, profile_id=PHONES, status="retracted"), 1),
        placed(topics.SESSIONS, session("s2", 6, workspace, status="closed"), 2),
        placed(topics.PROFILES, profile(ADAS, 6, workspace, **merged), 3),
        placed(topics.SEGMENTS, change("c2", 7, "exited", workspace), 1),
        placed(topics.SEGMENTS, change("c3", 7, "entered", workspace), 2),
    ]


def state(warehouse: Warehouse, workspace: str) -> dict[str, list[tuple[object, ...]]]:
    where = "WHERE workspace = {workspace:String} ORDER BY ALL"
    return {
        "raw_events": rows(warehouse, f"SELECT message_id, profile_id FROM onefold.raw_events {where}", workspace),
        "events": rows(warehouse, f"SELECT message_id, profile_id FROM onefold.events {where}", workspace),
        "profiles": rows(warehouse, f"SELECT profile_id, events, version FROM onefold.profiles {where}", workspace),
        "identifiers": rows(
            warehouse, f"SELECT namespace, value, profile_id FROM onefold.identifiers {where}", workspace
        ),
        "sessions": rows(warehouse, f"SELECT session_id, status FROM onefold.sessions {where}", workspace),
        "changes": rows(warehouse, f"SELECT change_id, change FROM onefold.segment_changes {where}", workspace),
        "members": rows(warehouse, f"SELECT segment, profile_id FROM onefold.segment_members {where}", workspace),
        "links": rows(warehouse, f"SELECT left_value, right_value, status FROM onefold.links {where}", workspace),
    }


EXPECTED: dict[str, list[tuple[object, ...]]] = {
    "raw_events": [("m1", PHONES), ("m2", ADAS)],
    "events": [("m1", ADAS), ("m2", ADAS)],
    "profiles": [(ADAS, 2, 6)],
    "identifiers": [("anonymous_id", "phone", ADAS), ("user_id", "ada", ADAS)],
    "sessions": [("s2", "closed")],
    "changes": [("c1", "entered"), ("c2", "exited"), ("c3", "entered")],
    "members": [("buyers", ADAS)],
    "links": [("ada", "phone", "active")],
}


def test_a_history_in_one_batch_ends_with_what_holds_now(warehouse: Warehouse, workspace: str) -> None:
    insert(warehouse, history(workspace))
    assert state(warehouse, workspace) == EXPECTED


def test_a_history_record_by_record_ends_the_same(warehouse: Warehouse, workspace: str) -> None:
    for input_record in history(workspace):
        insert(warehouse, [input_record])
    assert state(warehouse, workspace) == EXPECTED


@pytest.mark.parametrize("seed", range(3))
def test_overlapping_and_repeated_batches_end_the_same(warehouse: Warehouse, workspace: str, seed: int) -> None:
    """As after crashes: each batch starts at or before the end of the one before it, some come twice."""
    inputs, chance = history(workspace), random.Random(seed)
    reached = 0
    while reached < len(inputs):
        start = chance.randint(0, reached)
        reached = min(len(inputs), reached + chance.randint(1, 4))
        for _ in range(chance.randint(1, 2)):
            insert(warehouse, inputs[start:reached])
    assert state(warehouse, workspace) == EXPECTED


def test_a_block_with_the_token_of_an_earlier_one_is_dropped(warehouse: Warehouse, workspace: str) -> None:
    (once,) = batch([resolved(event("m1", workspace), 0)]).inserts
    (other,) = batch([resolved(event("m2", workspace), 1)]).inserts
    for token, columns in ((workspace, once.columns), (workspace, other.columns)):
        warehouse.insert("raw_events", columns, token)
    assert rows(warehouse, "SELECT message_id FROM onefold.events WHERE workspace = {workspace:String}", workspace) == [
        ("m1",)
    ]


def test_of_many_rows_of_one_key_in_one_insert_the_newest_counts_before_and_after_a_merge(
    warehouse: Warehouse, workspace: str
) -> None:
    versions = random.Random(1).sample(range(20_000), 20_000)
    inputs = [placed(topics.SESSIONS, session(f"s{version % 50:02}", version, workspace), 0) for version in versions]
    insert(warehouse, inputs)
    expected = [(f"s{at:02}", 19_950 + at) for at in range(50)]
    query = "SELECT session_id, version FROM onefold.sessions WHERE workspace = {workspace:String} ORDER BY ALL"
    assert rows(warehouse, query, workspace) == expected
    warehouse.run("OPTIMIZE TABLE onefold.sessions FINAL")
    assert rows(warehouse, query, workspace) == expected


def test_of_an_event_that_was_imported_twice_the_first_counts(warehouse: Warehouse, workspace: str) -> None:
    first = resolved(event("m1", workspace, received_at=NOW), 10)
    second = resolved(event("m1", workspace, received_at=NOW + 1), 11)
    for inputs in ([first], [second], [second, first], [first, second]):
        insert(warehouse, inputs)
        query = "SELECT toUnixTimestamp64Milli(received_at) FROM onefold.events WHERE workspace = {workspace:String}"
        assert rows(warehouse, query, workspace) == [(NOW,)]


def test_of_an_event_that_was_sent_twice_its_profile_says_which_counts(warehouse: Warehouse, workspace: str) -> None:
    first, again = event("m1", workspace), event("m1", workspace, occurred_at=NOW - 3_600_000 * 24 * 40)

    def said(version: int, is_repeated: bool) -> Placed:
        encoded = codec().encoder(Event)(again)
        return placed(topics.EVENTS_REPEATED, Repetition(workspace, PHONES, encoded, is_repeated, 0, version), version)

    query = (
        "SELECT count(), min(occurred_at) = max(occurred_at) FROM onefold.events WHERE workspace = {workspace:String}"
    )
    for inputs in (
        [resolved(first, 0), resolved(again, 1), said(3, is_repeated=True)],
        [resolved(again, 1)],
        [said(3, is_repeated=True)],
    ):
        insert(warehouse, inputs)
        assert rows(warehouse, query, workspace) == [(1, 1)]
    insert(warehouse, [said(5, is_repeated=False)])
    assert rows(warehouse, query, workspace) == [(2, 0)]
    insert(warehouse, [said(4, is_repeated=True)])
    assert rows(warehouse, query, workspace) == [(2, 0)]


def test_events_of_any_month_fit_into_one_insert(warehouse: Warehouse, workspace: str) -> None:
    month = 30 * 86_400_000
    times = [NOW - month * at for at in range(1_500)]
    insert(warehouse, [resolved(event(f"m{at}", workspace, occurred_at=at), number) for number, at in enumerate(times)])
    where = "FROM onefold.events WHERE workspace = {workspace:String}"
    assert rows(warehouse, f"SELECT count() {where}", workspace) == [(1_500,)]
    query = f"SELECT count() {where} AND occurred_at < '1960-01-01 00:00:00'"
    assert rows(warehouse, query, workspace) == [(sum(at < -315_619_200_000 for at in times),)]
    ((partitions,),) = rows(
        warehouse,
        "SELECT uniqExact(_partition_id) FROM onefold.raw_events WHERE workspace = {workspace:String}",
        workspace,
    )
    assert int(str(partitions)) < 12 * 60


def test_the_survivors_claim_beats_an_older_claim_of_a_busier_profile(warehouse: Warehouse, workspace: str) -> None:
    busy = placed(topics.PROFILES, profile(PHONES, 9_000, workspace, identifiers=(PHONE,)), 0)
    survivor = placed(topics.PROFILES, profile(ADAS, 2, workspace, identifiers=(ADA, PHONE), decision=1), 1)
    insert(warehouse, [survivor])
    insert(warehouse, [busy])
    query = "SELECT profile_id FROM onefold.identifiers WHERE workspace = {workspace:String} AND value = 'phone'"
    assert rows(warehouse, query, workspace) == [(ADAS,)]


def test_an_exit_and_a_new_entry_under_one_version_keep_their_order(warehouse: Warehouse, workspace: str) -> None:
    changes = [
        placed(topics.SEGMENTS, change(f"c{at}", 3, way, workspace), at) for at, way in enumerate(("entered", "exited"))
    ]
    query = "SELECT segment FROM onefold.segment_members WHERE workspace = {workspace:String}"
    insert(warehouse, changes[::-1])
    assert rows(warehouse, query, workspace) == [("buyers",)]
    insert(warehouse, changes)
    assert rows(warehouse, query, workspace) == []
    for input_record in changes[::-1]:
        insert(warehouse, [placed(input_record[0], input_record[4], input_record[2] + 100)])
    assert rows(warehouse, query, workspace) == [("buyers",)]


HOSTILE = (
    '{"a": {"b": "x"}, "a.b": 2}',
    '{"a": 1, "a": "twice"}',
    "[1]",
    "",
    "{",
    "null",
    '"text"',
    '{"a": NaN}',
    '{"a": 1e400}',
    '{"a": "\\ud800"}',
    '{"a": "\\u0000"}',
    '{"a": 1} {"b": 2}',
    '{"": 1}',
    '{"a": ' + "[" * 2_000 + "]" * 2_000 + "}",
    '{"a": ' * 1_100 + "1" + "}" * 1_100,
    '{"' + "k" * 100_000 + '": 1}',
    '{"a": 123456789012345678901234567890}',
    '{"a": [1, "x", null, {"b": []}]}',
)


def test_hostile_json_costs_neither_its_event_nor_the_batch(warehouse: Warehouse, workspace: str) -> None:
    inputs = [
        resolved(event(f"m{at:02}", workspace, properties=text, traits=text, context=text), at)
        for at, text in enumerate(HOSTILE)
    ]
    insert(warehouse, [*inputs, resolved(event("good", workspace, properties='{"total": 12.5}'), 99)])
    query = (
        "SELECT message_id, properties_text, traits_text, context_text, unparsed, empty(properties)"
        " FROM onefold.raw_events WHERE workspace = {workspace:String} ORDER BY message_id"
    )
    found = rows(warehouse, query, workspace)
    assert [row[0] for row in found] == ["good", *(f"m{at:02}" for at in range(len(HOSTILE)))]
    assert found[0][4] == []
    for text, (_, *texts, unparsed, is_empty) in zip(HOSTILE, found[1:], strict=True):
        assert texts == [text] * 3
        assert unparsed in ([], ["properties", "traits", "context"])
        assert is_empty or not unparsed
    assert found[3][4] == ["properties", "traits", "context"]
    total = "SELECT properties.total FROM onefold.events WHERE workspace = {workspace:String} AND message_id = 'good'"
    assert rows(warehouse, total, workspace) == [(12.5,)]


def test_json_strings_that_look_like_times_or_numbers_stay_strings(warehouse: Warehouse, workspace: str) -> None:
    text = '{"day": "2024-01-01", "at": "2024-01-01T00:00:00Z", "number": "12"}'
    insert(warehouse, [resolved(event("m1", workspace, properties=text), 0)])
    query = "SELECT toJSONString(properties) FROM onefold.events WHERE workspace = {workspace:String}"
    found = rows(warehouse, query, workspace)
    assert msgspec.json.decode(str(found[0][0])) == msgspec.json.decode(text)


def test_every_field_of_a_profile_arrives(warehouse: Warehouse, workspace: str) -> None:
    whole = profile(
        ADAS,
        3,
        workspace,
        identifiers=(ADA, Identifier("email", "阿达@example.com")),
        traits='{"plan": "pro", "age": 36}',
        counters={"Order Completed": 2, "page": 7},
        segments=(Membership("buyers", NOW),),
        session=OpenSession("s1", NOW - 10, NOW, 2, "https://shop.example/?a=1"),
        first_seen_at=NOW - 1_000,
        last_seen_at=NOW,
        decision=4,
    )
    insert(warehouse, [placed(topics.PROFILES, whole, 0)])
    query = """
        SELECT identifiers.namespace, identifiers.value, traits.plan, traits.age, counters, segments.segment,
               toUnixTimestamp64Milli(segments.entered_at[1]), session_id, session_events, session_entry_url,
               toUnixTimestamp64Milli(assumeNotNull(first_seen_at)), merged_into, decision, version
        FROM onefold.profiles WHERE workspace = {workspace:String}
    """
    ((namespaces, values, plan, age, counters, segments, *rest),) = rows(warehouse, query, workspace)
    assert _listed(namespaces) == ["user_id", "email"]
    assert _listed(values) == ["ada", "阿达@example.com"]
    assert (plan, age, counters) == ("pro", 36, {"Order Completed": 2, "page": 7})
    assert _listed(segments) == ["buyers"]
    assert rest == [NOW, "s1", 2, "https://shop.example/?a=1", NOW - 1_000, None, 4, 3]


def test_each_fact_of_a_session_has_its_column(warehouse: Warehouse, workspace: str) -> None:
    facts = SessionFacts(*(f"{name} 百度" for name in SessionFacts.__struct_fields__))
    insert(
        warehouse,
        [
            placed(topics.SESSIONS, session("s1", 1, workspace), 0),
            placed(topics.SESSIONS, session("s2", 1, workspace, facts=facts), 1),
        ],
    )
    columns = ", ".join(SessionFacts.__struct_fields__)
    query = f"SELECT {columns} FROM onefold.sessions WHERE workspace = {{workspace:String}} ORDER BY session_id"
    without, with_facts = rows(warehouse, query, workspace)
    assert set(without) == {""}
    assert SessionFacts(*map(str, with_facts)) == facts


def _listed(value: object) -> list[object]:
    assert isinstance(value, Sequence)
    return list(value)


def test_a_profile_that_ended_takes_its_identifiers_along(warehouse: Warehouse, workspace: str) -> None:
    guest = Identifier("session_id", "s1")
    living = placed(topics.PROFILES, profile(PHONES, 1, workspace, identifiers=(guest,)), 0)
    ended = placed(topics.PROFILES, profile(PHONES, 2, workspace, identifiers=(guest,), deleted=True), 1)
    insert(warehouse, [living])
    assert state(warehouse, workspace)["identifiers"] == [("session_id", "s1", PHONES)]
    insert(warehouse, [ended])
    assert state(warehouse, workspace)["identifiers"] == []
    assert state(warehouse, workspace)["profiles"] == []


def test_the_accepted_bytes_of_an_event_are_kept_and_not_shown(warehouse: Warehouse, workspace: str) -> None:
    sent = event("m1", workspace, traits='{"gone": null}')
    input_record = resolved(sent, 7, partition=3)
    insert(warehouse, [input_record])
    where = f"FROM onefold.raw_events FINAL WHERE workspace = '{workspace}'"
    (row,) = tuples(warehouse, f"SELECT hex(body), offset, partition {where}")
    assert codec().decode(type(sent), bytes.fromhex(str(row[0]))) == sent
    assert row[1:] == (7, 3)
    for table in ("events", "raw_events"):
        shown = {str(row[0]) for row in tuples(warehouse, f"DESCRIBE (SELECT * FROM onefold.{table})")}
        assert shown.isdisjoint({"body", "body_bytes", "offset", "partition"})


def test_events_of_an_identifier_are_found_without_reading_all(warehouse: Warehouse, workspace: str) -> None:
    _fill(warehouse, workspace, "raw_events", message_id="m", identifiers="[('email', 'v' || toString(number))]")
    query = (
        "EXPLAIN indexes = 1 SELECT body FROM onefold.raw_events FINAL"
        " WHERE workspace = {workspace:String} AND hasAny(identifiers.value, ['v7', 'v8'])"
    )
    assert _granules(warehouse, query, workspace, "identifier_values") < 0.75


def test_sessions_of_a_profile_are_found_without_reading_all(warehouse: Warehouse, workspace: str) -> None:
    _fill(warehouse, workspace, "sessions", session_id="s", profile_id="p")
    query = (
        "EXPLAIN indexes = 1 SELECT session_id FROM onefold.sessions FINAL"
        " WHERE workspace = {workspace:String} AND profile_id = 'p7'"
    )
    assert _granules(warehouse, query, workspace, "profile_id") < 0.75


def test_links_are_found_by_their_right_end_without_reading_all(warehouse: Warehouse, workspace: str) -> None:
    for table in ("links", "link_log"):
        _fill(warehouse, workspace, table, left_value="u", right_namespace="'email'", right_value="v")
        query = (
            f"EXPLAIN indexes = 1 SELECT left_value FROM onefold.{table} FINAL WHERE workspace = {{workspace:String}}"
            " AND (right_namespace, right_value) IN (SELECT 'email', arrayJoin(['v7', 'v8']))"
        )
        assert _granules(warehouse, query, workspace, "right_value") < 0.75


def _fill(warehouse: Warehouse, workspace: str, table: str, **columns: str) -> None:
    """Insert 30,000 rows, several granules. A column's value: an expression, or a letter that the number follows."""
    values = [f"'{each}' || toString(number)" if len(each) == 1 else each for each in columns.values()]
    warehouse.run(
        f"INSERT INTO onefold.{table} (workspace, {', '.join(columns)})"
        f" SELECT '{workspace}', {', '.join(values)} FROM numbers(30_000)"
    )


def _granules(warehouse: Warehouse, query: str, workspace: str, index: str) -> float:
    """Part of the granules that an index leaves to be read."""
    plan = "\n".join(str(row[0]) for row in tuples(warehouse, query, {"workspace": workspace}))
    left, known = re.findall(r"Granules: (\d+)/(\d+)", plan.partition(f"Name: {index}")[2])[0]
    return int(left) / int(known)


def test_every_decision_about_a_pair_is_kept_by_source(warehouse: Warehouse, workspace: str) -> None:
    first = link(1, workspace=workspace)
    retracted = msgspec.structs.replace(first, decision=5, status="retracted", reason="unmerged")
    other = msgspec.structs.replace(first, decision=2, source="crm")
    insert(warehouse, [placed(topics.IDENTITY_LINKS, one, at) for at, one in enumerate((first, other, retracted))])
    shown = "SELECT source, status, decision FROM onefold.{} WHERE workspace = {{workspace:String}} ORDER BY ALL"
    assert rows(warehouse, shown.format("links"), workspace) == [("crm", "active", 2), ("web", "retracted", 5)]
    assert len(rows(warehouse, shown.format("link_log"), workspace)) == 3
