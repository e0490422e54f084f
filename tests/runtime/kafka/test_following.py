"""A follower hears all there is and what comes; that this is all, only if the broker has said so since."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Message, Producer

from runtime.kafka.following import FollowedValue, Follower
from tests.support.waiting import wait_until

SILENT_S = 2.5
NOTHING: tuple[bytes, ...] = ()


class Broker:
    """A broker within this process, until it goes down."""

    def __init__(self) -> None:
        self._client: Producer | None = Producer({"test.mock.num.brokers": 1})
        (broker,) = self._client.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"

    def append(self, value: bytes) -> None:
        assert self._client is not None
        self._client.produce("said", value, partition=0)
        assert self._client.flush(10) == 0

    def go_down(self) -> None:
        self._client = None


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.go_down()


def test_a_follower_that_hears_nothing_of_the_broker_does_not_say_that_nothing_was_said(broker: Broker) -> None:
    taken, failures = list[Message](), list[BaseException]()
    broker.append(b"first")
    follower = Follower(broker.address, "said", taken.extend, failures.append)
    started_at = time.monotonic()
    follower.start()
    try:
        assert follower.as_of > started_at
        broker.append(b"second")
        wait_until(lambda: len(taken) == 2, "the follower to hear of the second record")
        heard_at = time.monotonic()
        wait_until(lambda: follower.as_of > heard_at, "the follower to learn that this is all")
        broker.go_down()
        down_at = time.monotonic()
        wait_until(lambda: time.monotonic() > down_at + SILENT_S, "some rounds without a broker")
        assert follower.as_of < down_at
    finally:
        follower.stop()
    assert failures == []


def _values(before: tuple[bytes, ...], messages: list[Message]) -> tuple[bytes, ...]:
    values = tuple(message.value() or b"" for message in messages)
    if b"refused" in values:
        raise ValueError("refused")
    return before + values


def test_a_followed_value_is_of_all_there_was_and_can_be_waited_for(broker: Broker) -> None:
    broker.append(b"first")
    followed = FollowedValue(broker.address, "said", NOTHING, _values)
    try:
        assert followed.read() == (b"first",)
        assert not followed.wait_until(lambda values: len(values) > 1, within_s=0.1)
        broker.append(b"second")
        assert followed.wait_until(lambda values: len(values) > 1, within_s=30)
        assert followed.read() == (b"first", b"second")
    finally:
        followed.close()


def test_whoever_reads_or_waits_hears_what_ended_the_following(broker: Broker) -> None:
    broker.append(b"first")
    followed = FollowedValue(broker.address, "said", NOTHING, _values)
    try:
        broker.append(b"refused")
        with pytest.raises(ValueError, match="refused"):
            followed.wait_until(lambda values: len(values) > 1, within_s=30)
        with pytest.raises(ValueError, match="refused"):
            followed.read()
    finally:
        followed.close()
