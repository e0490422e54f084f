"""The producer of an event loop when Kafka does not answer."""

import pytest

from runtime.errors import TransientError, UnreachableError
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord


def nothing() -> None:
    """Not called: an unreachable broker is no fatal error."""


@pytest.mark.anyio
async def test_an_unreachable_broker_is_reported_in_time() -> None:
    producer = AsyncProducer("127.0.0.1:1", "test", nothing, delivery_timeout_s=1)
    with pytest.raises(UnreachableError, match="does not answer"):
        await producer.send([ProducerRecord("events", None, b"1"), ProducerRecord("events", None, b"2")])
    assert producer.close(timeout_s=1) == 0


@pytest.mark.anyio
async def test_a_full_queue_is_reported_at_once() -> None:
    producer = AsyncProducer("127.0.0.1:1", "test", nothing, delivery_timeout_s=2)
    with pytest.raises(TransientError, match="queue"):
        await producer.send([ProducerRecord("events", None, b"x" * 1_000_000)] * 200)
    assert producer.close(timeout_s=10) == 0


@pytest.mark.anyio
async def test_nothing_to_send_needs_no_broker() -> None:
    producer = AsyncProducer("127.0.0.1:1", "test", nothing)
    await producer.send([])
    assert producer.close(timeout_s=1) == 0
