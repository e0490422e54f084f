"""What the topics are set to; that the broker takes it is shown on the running stack."""

import msgspec
import pytest

from runtime.kafka.clients import PRODUCER_CONFIG
from schemas import topics
from schemas.codec import RECORDS
from schemas.records import Event, RejectedEvent

CONFIGURATIONS = topics.configurations(("webhook",))


def test_every_record_has_a_topic_and_every_topic_a_record() -> None:
    assert set(topics.RECORD_OF.values()) == set(RECORDS)


@pytest.mark.parametrize("topic", ["identity.links", "identity.routes", "profiles", "onefold-profiles-changelog"])
def test_what_is_the_newest_by_key_is_compacted(topic: str) -> None:
    assert CONFIGURATIONS[topic]["cleanup.policy"] == "compact"


@pytest.mark.parametrize("topic", ["events", "events.resolved", "events.dead"])
def test_what_a_replay_starts_from_is_kept_for_ever(topic: str) -> None:
    assert CONFIGURATIONS[topic] == CONFIGURATIONS[topic] | {"cleanup.policy": "delete", "retention.ms": "-1"}


@pytest.mark.parametrize("topic", ["identity.requests", "profile.commands", "segments", "activation.webhook"])
def test_what_was_acted_upon_is_deleted_after_a_week(topic: str) -> None:
    assert CONFIGURATIONS[topic] == CONFIGURATIONS[topic] | {"cleanup.policy": "delete", "retention.ms": "604800000"}


@pytest.mark.parametrize("topic", ["events.dead", "profile.commands"])
def test_topics_that_wrap_records_have_room_for_the_largest_event(topic: str) -> None:
    assert int(CONFIGURATIONS[topic]["max.message.bytes"]) > 2 * topics.MAX_EVENT_BYTES


def test_producers_agree_with_java_on_partitions() -> None:
    assert PRODUCER_CONFIG["partitioner"] == "murmur2_random"


@pytest.mark.parametrize(("record", "topic"), [(Event, "events"), (RejectedEvent, "events.rejected")])
def test_a_record_is_registered_under_its_first_topic(record: type[msgspec.Struct], topic: str) -> None:
    assert topics.topic_of(record) == topic
