"""What has come and is not admitted yet: a flood on one topic does not hold up the others."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import CONSENTS
from sinks.delivery.incoming import FEW, MOST, MOST_BYTES, OF_UNSENDABLE, Incoming
from sinks.delivery.rounds import IncomingRecord

TOPICS = ("activation.a", "activation.b", "activation.c", CONSENTS)


MANY = 1_000_000


def record(topic: str, offset: int) -> IncomingRecord:
    return IncomingRecord(topic, 0, offset, b"k", b"v", ())


def test_a_flood_on_one_topic_leaves_room_for_the_others() -> None:
    incoming = Incoming()
    incoming.add(record("activation.flooded", offset) for offset in range(10_000))
    incoming.add([record("activation.calm", 0)])
    assert record("activation.calm", 0) in incoming.take(100, MANY)


def test_of_a_topic_more_than_its_share_is_not_read_and_of_the_others_all_is() -> None:
    incoming = Incoming()
    incoming.add(record("activation.flooded", offset) for offset in range(MOST + 1))
    assert incoming.full() == ["activation.flooded"]
    incoming.add(record("activation.calm", offset) for offset in range(MOST // 2))
    assert incoming.full() == ["activation.flooded"]
    incoming.add([record("activation.calm", MOST), IncomingRecord(CONSENTS, 0, 0, b"k", b"v" * MOST_BYTES, ())])
    assert incoming.full() == ["activation.flooded", "activation.calm", CONSENTS]
    while not incoming.has_room("activation.flooded"):
        incoming.take(100, MANY)
    assert 0 < len(incoming) <= FEW


def test_destinations_that_can_be_sent_nothing_leave_most_of_a_round_to_the_others() -> None:
    incoming = Incoming()
    incoming.add(record(topic, offset) for topic in TOPICS for offset in range(1_000))
    taken = incoming.take(1_500, MANY, TOPICS[:2])
    assert [sum(each.topic == topic for each in taken) for topic in TOPICS] == [0, 0, 500, 1_000]
    taken = incoming.take(1_500, MANY, TOPICS[:2])
    half = OF_UNSENDABLE // 2
    assert [sum(each.topic == topic for each in taken) for topic in TOPICS] == [OF_UNSENDABLE - half, half, 500, 0]


def test_what_people_have_said_goes_first() -> None:
    incoming = Incoming()
    incoming.add([record("activation.a", 0), record(CONSENTS, 0), record("activation.a", 1), record(CONSENTS, 1)])
    assert [each.topic for each in incoming.take(3, MANY)] == [CONSENTS, CONSENTS, "activation.a"]


@given(st.lists(st.sampled_from(TOPICS), max_size=60), st.lists(st.integers(1, 20), max_size=30))
def test_everything_is_taken_once_in_the_order_of_its_topic(topics: list[str], limits: list[int]) -> None:
    incoming, taken = Incoming(), list[IncomingRecord]()
    incoming.add(record(topic, offset) for offset, topic in enumerate(topics))
    for limit in [*limits, 1_000]:
        some = incoming.take(limit, MANY)
        assert len(some) == min(limit, len(topics) - len(taken))
        taken += some
        assert len(incoming) == len(topics) - len(taken)
    for topic in TOPICS:
        offsets = [each.offset for each in taken if each.topic == topic]
        assert offsets == [offset for offset, each in enumerate(topics) if each == topic]


def test_long_records_are_taken_few_at_once_and_one_at_least() -> None:
    incoming = Incoming()
    topics = ("activation.a", "activation.b", CONSENTS)
    incoming.add(IncomingRecord(topic, 0, offset, b"k", b"v" * 700, ()) for offset in range(10) for topic in topics)
    assert [len(incoming.take(100, most)) for most in (1, 700, 2_000, 10_000)] == [1, 1, 3, 15]
    assert (len(incoming), incoming.bytes) == (10, 7_000)
    assert len(incoming.take(100, MANY)) == 10
    assert incoming.bytes == 0
