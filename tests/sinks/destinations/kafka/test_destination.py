"""Records in topics of a real broker: what is in them, in which order, and what a broker can do to who writes."""

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Sequence
from typing import TypeVar

import msgspec
import pytest
from confluent_kafka import Message

from definitions.receivers.kafka import Kafka, problems
from definitions.receivers.values import Secret
from embedded.stack import Stack
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.kafka.destination import KafkaDestination, waves
from sinks.destinations.secrets import MissingSecret
from tests.sinks.destinations.store_deliveries import delivery

Result = TypeVar("Result")
NOBODY = "127.0.0.1:1"
MAX_S = 60.0


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a coroutine to its end, which must come."""

    async def bounded() -> Result:
        return await asyncio.wait_for(work, MAX_S)

    return asyncio.run(bounded())


def sent(options: Kafka, *batches: Sequence[Delivery], timeout_s: float = 20) -> Sequence[Outcome]:
    """The outcomes of batches, sent one after the other."""

    async def send() -> list[Outcome]:
        destination = KafkaDestination(options, timeout_s)
        try:
            return [outcome for batch in batches for outcome in await destination.send(batch)]
        finally:
            await destination.close()

    return run(send())


@pytest.fixture
def options(stack: Stack) -> Kafka:
    """A topic of its own for each test, which takes records of up to 20 kB."""
    name = f"sent-{uuid.uuid4().hex}"
    create_topics(stack.settings.kafka, {name: {"max.message.bytes": "20000"}}, partitions=3, replication=1)
    return Kafka(servers=stack.settings.kafka, topic=name)


def records(options: Kafka) -> Sequence[Message]:
    """All records of the topic."""
    return list(read_to_end(options.servers, [options.topic]))


def incompressible(size: int) -> str:
    """A text that is as large when it is compressed."""
    return "".join(uuid.uuid4().hex for _ in range(size // 32 + 1))


@pytest.mark.stack
def test_a_record_has_key_header_and_value(options: Kafka) -> None:
    about = delivery(0)
    (outcome,) = sent(options, [about])
    assert isinstance(outcome, Delivered), outcome
    (record,) = records(options)
    assert record.key() == str(about.activation.profile_id).encode()
    assert record.headers() == [("delivery-key", about.key.encode())]
    value = record.value()
    assert isinstance(value, bytes)
    assert msgspec.json.decode(value) == about.fields


@pytest.mark.stack
def test_records_of_a_profile_lie_in_one_partition_in_their_order(options: Kafka) -> None:
    batch = [delivery(person, version=version) for version in range(1, 11) for person in range(30)]
    outcomes = sent(options, batch[:150], batch[150:])
    assert [type(outcome) for outcome in outcomes] == [Delivered] * 300
    found: dict[bytes, list[int]] = {}
    places: dict[bytes, set[int | None]] = {}
    for record in records(options):
        key, value = record.key(), record.value()
        assert isinstance(key, bytes)
        assert isinstance(value, bytes)
        found.setdefault(key, []).append(msgspec.json.decode(value)["version"])
        places.setdefault(key, set()).add(record.partition())
    assert list(found.values()) == [list(range(1, 11))] * 30
    assert {len(partitions) for partitions in places.values()} == {1}


@pytest.mark.stack
def test_a_second_attempt_carries_the_same_key(options: Kafka) -> None:
    sent(options, [delivery(0)], [delivery(0)])
    first, second = records(options)
    assert first.headers() == second.headers()
    assert first.value() == second.value()


@pytest.mark.stack
@pytest.mark.parametrize("size", [100_000, 9_000_000], ids=["for the topic", "for the client"])
def test_a_record_that_is_too_large_is_refused_alone(options: Kafka, size: int) -> None:
    large = delivery(1, fields={"name": incompressible(size)})
    later = delivery(1, "exited", version=9)
    outcomes = sent(options, [delivery(0), large, delivery(2), later])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered, Delivered], outcomes
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].reason == "too_large"
    assert len(outcomes[1].exchange.request) <= 4_000
    assert len(records(options)) == 3


@pytest.mark.stack
def test_a_topic_that_is_missing_is_waited_for(options: Kafka) -> None:
    missing = msgspec.structs.replace(options, topic=f"missing-{uuid.uuid4().hex}")

    async def send() -> list[Outcome]:
        destination = KafkaDestination(missing)
        (first,) = await destination.send([delivery(0)])
        topics: dict[str, dict[str, str]] = {missing.topic: {}}
        await asyncio.to_thread(create_topics, missing.servers, topics, partitions=1, replication=1)
        second = first
        while isinstance(second, Retry):  # the client learns of the topic a little later
            (second,) = await destination.send([delivery(0)])
        await destination.close()
        return [first, second]

    first, second = run(send())
    assert isinstance(first, Retry)
    assert "topic" in first.detail
    assert isinstance(second, Delivered), second
    assert len(records(missing)) == 1


@pytest.mark.stack
def test_a_topic_of_a_name_that_no_topic_has_says_so(options: Kafka) -> None:
    (outcome,) = sent(msgspec.structs.replace(options, topic="no/such name"), [delivery(0)])
    assert isinstance(outcome, Retry | Refused)


@pytest.mark.stack
def test_a_batch_that_is_cancelled_leaves_the_destination_usable(options: Kafka) -> None:
    async def send() -> Sequence[Outcome]:
        destination = KafkaDestination(options)
        sending = asyncio.ensure_future(_as_coroutine(destination, [delivery(number) for number in range(500)]))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        outcomes = await destination.send([delivery(number) for number in range(500)])
        await destination.close()
        return outcomes

    assert {type(outcome) for outcome in run(send())} == {Delivered}
    assert len({record.key() for record in records(options)}) == 500


async def _as_coroutine(destination: KafkaDestination, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    return await destination.send(deliveries)


@pytest.mark.parametrize("servers", [NOBODY, "nowhere.invalid:9092"])
def test_a_cluster_that_cannot_be_reached_is_tried_again(servers: str) -> None:
    outcomes = sent(Kafka(servers=servers, topic="t"), [delivery(0), delivery(1), delivery(0, version=2)], timeout_s=2)
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert isinstance(outcome, Retry)
        assert outcome.reason == "network"


def test_a_cluster_that_does_not_answer_is_tried_again() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def send() -> Sequence[Outcome]:
        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        destination = KafkaDestination(Kafka(servers=f"127.0.0.1:{port}", topic="t"), timeout_s=1)
        outcomes = await destination.send([delivery(0)])
        await destination.close()
        server.close()
        return outcomes

    (outcome,) = run(send())
    assert isinstance(outcome, Retry)
    assert outcome.reason in {"timeout", "network"}


def test_a_password_is_read_when_it_is_used_and_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PASSWORD_OF_TESTS", "s3cret-of-kafka")
    options = Kafka(
        servers=NOBODY, topic="t", sasl="scram-sha-512", username="me", password=Secret(env="PASSWORD_OF_TESTS")
    )
    (outcome,) = sent(options, [delivery(0)], timeout_s=1)
    assert isinstance(outcome, Retry)
    assert "s3cret-of-kafka" not in f"{outcome!r} {caplog.text}"
    destination = KafkaDestination(options)
    monkeypatch.delenv("PASSWORD_OF_TESTS")
    (outcome,) = run(destination.send([delivery(0)]))
    assert isinstance(outcome, Unauthorised)
    assert "PASSWORD_OF_TESTS" in outcome.detail
    with pytest.raises(MissingSecret, match="PASSWORD_OF_TESTS"):
        KafkaDestination(options)


def test_a_ca_file_that_is_missing_is_said_in_words() -> None:
    (outcome,) = sent(Kafka(servers=NOBODY, topic="t", tls=True, ca_file="/nowhere/ca.pem"), [delivery(0)])
    assert isinstance(outcome, Retry)
    assert "Kafka's client cannot be made" in outcome.detail


def test_a_wave_has_one_delivery_of_a_profile() -> None:
    of = [delivery(person, version=at) for at, person in enumerate([0, 0, 1, 0, 1, 2])]
    assert waves(of) == [[0, 2, 5], [1, 4], [3]]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (Kafka(servers="a:1", topic="t", sasl="plain"), "sasl"),
        (Kafka(servers="a:1", topic="t", password=Secret(env="A")), "password"),
        (Kafka(servers="a:1", topic="t", ca_file="/ca"), "ca_file"),
    ],
)
def test_options_that_do_not_go_together_are_named(options: Kafka, key: str) -> None:
    assert [problem.key for problem in problems(options)] == [key]
