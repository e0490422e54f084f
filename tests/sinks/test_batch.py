"""Messages to columns: everything that decodes becomes rows, everything else is listed."""

import msgspec
import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.identity import profile_key
from schemas.records import ConsentChange, ConsentEntry, Event, Profile, Repetition
from sinks.clickhouse.batch import batch_of
from sinks.clickhouse.rows import ROWS
from tests.schemas.fixed import records
from tests.sinks.examples import ADA, ADAS, PHONE, PHONES, batch, codec, event, message, placed, profile, resolved


def _repeats_a_consent(record: msgspec.Struct) -> bool:
    """Return whether a record is written for those who know a profile under another id, or changes nothing."""
    return isinstance(record, ConsentChange) and not (record.changed and record.profile_id == record.current_id)


@given(st.data())
@pytest.mark.parametrize("topic", sorted(set(ROWS) - {topics.EVENTS_RESOLVED, topics.EVENTS_REPEATED}))
def test_any_record_of_a_topic_becomes_rows(topic: str, data: st.DataObject) -> None:
    record = data.draw(records(topics.RECORD_OF[topic]))
    made = batch([placed(topic, record, 7)])
    assert not made.failures
    assert made.inserts or _repeats_a_consent(record)


def test_what_a_profile_says_of_consent_is_a_row_for_each_change_under_its_own_id_alone() -> None:
    changed = tuple(ConsentEntry("marketing", channel, "denied", 5, "m1", "web") for channel in ("email", "sms"))
    own = ConsentChange("main", ADAS, "person", ADAS, 3, 9, 7, "{}", changed)
    (insert,) = batch([placed(topics.CONSENTS, own, 1)]).inserts
    assert (insert.table, insert.columns["channel"].to_pylist()) == ("consents", ["email", "sms"])
    assert batch([placed(topics.CONSENTS, msgspec.structs.replace(own, profile_id=PHONES), 2)]).inserts == ()


@given(records(Event).filter(lambda record: record.workspace != ""))
def test_any_event_becomes_a_row(record: Event) -> None:
    (insert,) = batch([resolved(record, 7)]).inserts
    assert (insert.table, insert.columns.num_rows) == ("raw_events", 1)
    assert insert.columns["profile_id"].to_pylist() == [PHONES]
    assert insert.columns["properties_sent"].to_pylist() == [record.properties]


def test_what_a_profile_says_of_an_event_counts_before_the_event_as_it_was_routed() -> None:
    encoded = codec().encoder(Event)(event("a"))
    said = [
        Repetition("main", PHONES, encoded, is_repeated, 3, version) for version, is_repeated in ((7, True), (8, False))
    ]
    rows = [insert.columns for insert in batch([placed(topics.EVENTS_REPEATED, each, 1) for each in said]).inserts]
    (routed,) = batch([resolved(event("a"), 5)]).inserts
    assert [row["is_repetition"].to_pylist() for row in rows] == [[1, 0]]
    assert [row["message_id"].to_pylist() for row in rows] == [["a", "a"]]
    earlier, later = rows[0]["version"].to_pylist()
    assert routed.columns["version"].to_pylist()[0] < earlier < later


@pytest.mark.parametrize(
    "wrong",
    [
        Repetition("main", "nobody", b"", True, 1, 1),
        Repetition("main", PHONES, b"no event", True, 1, 1),
        Repetition("main", PHONES, b"", True, -1, 1),
        Repetition("main", PHONES, b"", True, 1, 2**32),
    ],
)
def test_a_repetition_of_nothing_is_a_dead_letter(wrong: Repetition) -> None:
    made = batch([placed(topics.EVENTS_REPEATED, wrong, 1)])
    assert (len(made.failures), made.inserts) == (1, ())


def test_the_same_messages_make_the_same_token_and_others_another() -> None:
    inputs = [resolved(event("a"), 5), resolved(event("b"), 3, partition=2), resolved(event("c"), 6)]
    (first,), (again,) = batch(inputs).inserts, batch(inputs).inserts
    assert first.token == again.token
    assert first.token.startswith("events.resolved,0:5-6,2:3-3,")
    (shorter,) = batch(inputs[:2]).inserts
    (recreated,) = batch([*inputs[:2], resolved(event("d"), 6)]).inserts
    assert len({first.token, shorter.token, recreated.token}) == 3


def test_of_profiles_with_one_key_only_the_last_is_written() -> None:
    key = b"main|" + ADAS.encode()
    inputs = [
        (topics.PROFILES, 0, 1, key, profile(ADAS, 1, identifiers=(ADA,))),
        (topics.PROFILES, 0, 2, b"main|other", profile(PHONES, 1)),
        (topics.PROFILES, 0, 3, key, profile(ADAS, 2, identifiers=(ADA,))),
    ]
    inserts = {insert.table: insert.columns for insert in batch(inputs).inserts}
    assert inserts["profiles"]["version"].to_pylist() == [1, 2]
    assert inserts["profiles"]["profile_id"].to_pylist() == [PHONES, ADAS]
    assert inserts["identifiers"].num_rows == 1


def test_a_record_that_cannot_be_decoded_stops_no_other() -> None:
    broken = Message(topic=topics.EVENTS_RESOLVED, partition=0, offset=2, key=b"k", value=b"not avro")
    made = batch_of(codec(), [message(resolved(event("a"), 1)), broken, message(resolved(event("b"), 3))])
    assert [(failed.offset(), error.reason) for failed, error in made.failures] == [(2, "bad_magic")]
    assert made.inserts[0].columns["message_id"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("key", [None, b"", b"main", b"other|" + PHONES.encode(), b"\xff\xfe"])
def test_an_event_under_a_key_that_names_no_profile_of_its_workspace_is_listed(key: bytes | None) -> None:
    made = batch([(topics.EVENTS_RESOLVED, 0, 1, key, event("a"))])
    assert [error.reason for _, error in made.failures] == ["invalid"]
    assert not made.inserts


def test_a_number_that_no_column_can_hold_costs_only_its_own_record() -> None:
    good, huge = profile(ADAS, 1), profile(PHONES, 2**63 - 1, counters={"x": 2**63 - 1}, decision=2**62)
    made = batch(
        [
            placed(topics.PROFILES, good, 1),
            placed(topics.PROFILES, msgspec.structs.replace(huge, identifiers=(ADA,)), 2),
        ]
    )
    inserts = {insert.table: insert.columns for insert in made.inserts}
    assert inserts["profiles"].num_rows == 2
    assert "identifiers" not in inserts
    assert [(failed.offset(), error.reason) for failed, error in made.failures] == [(2, "invalid")]


def test_of_many_records_only_those_that_do_not_fit_are_listed_and_the_others_keep_their_order() -> None:
    profiles = [
        profile(ADAS, 1, events=at, decision=2**62 if at in (0, 7, 8, 29) else 0, identifiers=(ADA, PHONE))
        for at in range(30)
    ]
    made = batch(placed(topics.PROFILES, one, at) for at, one in enumerate(profiles))
    inserts = {insert.table: insert.columns for insert in made.inserts}
    assert [failed.offset() for failed, _ in made.failures] == [0, 7, 8, 29]
    assert inserts["profiles"].num_rows == 30
    assert inserts["identifiers"]["value"].to_pylist() == ["ada", "phone"] * 26


@given(st.lists(records(Profile), max_size=5))
def test_lists_and_maps_arrive_in_their_rows(profiles: list[Profile]) -> None:
    inserts = {
        insert.table: insert.columns for insert in batch(placed(topics.PROFILES, one, 1) for one in profiles).inserts
    }
    rows = inserts["profiles"].to_pylist() if profiles else []
    assert [row["identifiers"] for row in rows] == [
        [msgspec.to_builtins(identifier) for identifier in one.identifiers] for one in profiles
    ]
    assert [dict(row["counters"]) for row in rows] == [one.counters for one in profiles]
    assert [[part["segment"] for part in row["segments"]] for row in rows] == [
        [membership.segment for membership in one.segments] for one in profiles
    ]
    assert [row["session_id"] for row in rows] == [one.session and one.session.session_id for one in profiles]
    assert [row["is_deleted"] for row in rows] == [one.merged_into is not None or one.deleted for one in profiles]


def test_a_tombstone_tells_nothing_and_hides_nothing() -> None:
    ended = profile(PHONES, 2, deleted=True)
    key = profile_key("main", PHONES)
    tombstone = Message(topic=topics.PROFILES, partition=0, offset=1, key=key, value=None)
    messages = [message((topics.PROFILES, 0, 0, key, ended)), tombstone]
    found = batch_of(codec(), messages)
    assert found.failures == ()
    assert {insert.table: insert.columns.num_rows for insert in found.inserts} == {"profiles": 1}
