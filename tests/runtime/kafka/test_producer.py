"""The producer when Kafka does not answer."""

import pytest

from runtime.kafka.producer import AcknowledgedProducer, Outgoing, Unavailable


def nothing() -> None:
    """Not called: an unreachable broker is no fatal error."""


@pytest.mark.anyio
async def test_an_unreachable_broker_is_told_in_time() -> None:
    producer = AcknowledgedProducer("127.0.0.1:1", "test", nothing, delivery_timeout_s=1)
    with pytest.raises(Unavailable, match="did not acknowledge"):
        await producer.send([Outgoing("events", None, b"1"), Outgoing("events", None, b"2")])
    assert producer.close(timeout_s=1) == 0


@pytest.mark.anyio
async def test_a_full_queue_is_told_at_once() -> None:
    producer = AcknowledgedProducer("127.0.0.1:1", "test", nothing, delivery_timeout_s=2)
    with pytest.raises(Unavailable, match="queue"):
        await producer.send([Outgoing("events", None, b"x" * 1_000_000)] * 200)
    assert producer.close(timeout_s=10) == 0


@pytest.mark.anyio
async def test_nothing_to_send_needs_no_broker() -> None:
    producer = AcknowledgedProducer("127.0.0.1:1", "test", nothing)
    await producer.send([])
    assert producer.close(timeout_s=1) == 0
