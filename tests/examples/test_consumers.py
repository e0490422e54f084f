"""The consumers of examples/ read what is committed, each change once, from the beginning or from now on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from embedded.stack import Stack
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.topics import create_topics
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import FiredTrigger, Identifier, SegmentChange
from schemas.registry import Registry
from schemas.topics import activation, configurations
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CONSUMERS = Path(__file__).parents[2] / "examples" / "consumers"
ADAS = "00000000-0000-5000-8000-00000000ada0"
FIRST = SegmentChange(
    *("main", "c1", ADAS, "buyers", "entered", 1_700_000_000_123, "m1", 1, (Identifier("email", "ada@example.com"),)),
    decided_at=1_700_000_000_200,
    traits='{"plan": "pro", "城": "北京"}',
)
BROKEN_OFF, SECOND, THIRD = (
    msgspec.structs.replace(FIRST, change_id=f"c{number}", change="exited", version=number) for number in (2, 3, 4)
)


FIRED = FiredTrigger(
    *("main", "t1", "payment failed", 1_700_000_000_123, "m2", 5, '{"title": "Your payment"}', ADAS),
    profile_kind="person",
    decided_at=1_700_000_000_200,
)


class Topic:
    """A topic of one destination, and the producer of a worker that writes it."""

    def __init__(self, stack: Stack) -> None:
        destination = f"d{uuid.uuid4().hex}"
        self.name = activation(destination)
        kafka, topics = stack.addresses.kafka, configurations((destination,))
        create_topics(kafka, {self.name: topics[self.name]}, partitions=1, replication=1)
        self.environment = dict(os.environ) | {
            "ONEFOLD_KAFKA": kafka,
            "ONEFOLD_REGISTRY": stack.addresses.registry,
            "PYTHONPATH": "",
        }
        codec = Codec(Registry(stack.addresses.registry))
        self._encode, self._encode_trigger = codec.encoder(SegmentChange), codec.encoder(FiredTrigger)
        self._producer = Producer(
            {
                **PRODUCER_CONFIG,
                "bootstrap.servers": kafka,
                "transactional.id": destination,
                "compression.type": "lz4",
                "log_level": 0,
            }
        )
        self._producer.init_transactions(60)

    def write(self, *records: SegmentChange | FiredTrigger, commits: bool = True) -> None:
        """Write records in one transaction, which is committed or broken off."""
        self._producer.begin_transaction()
        for record in records:
            value = self._encode_trigger(record) if isinstance(record, FiredTrigger) else self._encode(record)
            self._producer.produce(self.name, value, profile_key("main", ADAS))
        self._producer.flush(60)
        if commits:
            self._producer.commit_transaction(60)
        else:
            self._producer.abort_transaction(60)


@pytest.fixture
def topic(stack: Stack) -> Topic:
    """A topic with two changes, one of them twice, and one in between that was broken off."""
    written = Topic(stack)
    written.write(FIRST)
    written.write(BROKEN_OFF, commits=False)
    written.write(FIRST, SECOND)
    return written


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The consumer for Node with its libraries, in a folder of its own."""
    if shutil.which("npm") is None:
        pytest.skip("no Node on this machine: the consumer for it is not tried")
    folder = tmp_path_factory.mktemp("node") / "consumer"
    shutil.copytree(CONSUMERS / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=240)
    return ["node", str(folder / "read_changes.js")]


@pytest.fixture(params=["python", "node"])
def consumer(request: pytest.FixtureRequest) -> list[str]:
    """The command of a consumer."""
    if request.param == "node":
        command: list[str] = request.getfixturevalue("node")
        return command
    return [sys.executable, "-X", "faulthandler", str(CONSUMERS / "read_changes.py")]


def read(command: Sequence[str], topic: Topic, *options: str) -> list[dict[str, object]]:
    """What a consumer prints until it ends by itself."""
    with subprocess.Popen(
        [*command, topic.name, *options], env=topic.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            printed, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # Python says where it was
            printed, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return [json.loads(line) for line in printed.splitlines()]


def test_each_committed_change_is_read_once_from_the_beginning(consumer: list[str], topic: Topic) -> None:
    first, second = read(consumer, topic, "--group", topic.name, "--from", "beginning", "--number", "2")
    assert (first["change_id"], second["change_id"]) == ("c1", "c3")
    assert (first["segment"], first["change"], first["identifiers"], first["traits"]) == (
        "buyers",
        "entered",
        [{"namespace": "email", "value": "ada@example.com"}],
        {"plan": "pro", "城": "北京"},
    )


def test_a_topic_carries_triggers_as_well(consumer: list[str], topic: Topic) -> None:
    topic.write(FIRED, THIRD, FIRED)
    records = read(consumer, topic, "--group", topic.name, "--from", "beginning", "--number", "4")
    assert [record.get("change_id") or record["trigger_id"] for record in records] == ["c1", "c3", "t1", "c4"]
    assert (records[2]["trigger"], records[2]["payload"]) == ("payment failed", {"title": "Your payment"})


def test_a_group_goes_on_where_it_was(consumer: list[str], topic: Topic) -> None:
    options = ("--group", topic.name, "--from", "beginning", "--number", "1")
    assert [change["change_id"] for change in read(consumer, topic, *options)] == ["c1"]
    topic.write(THIRD)
    rest = [read(consumer, topic, *options)[0]["change_id"] for _ in range(3)]
    assert rest == ["c1", "c3", "c4"], "the second copy of c1 is new to another process"


def test_from_now_on_nothing_that_was_there_is_read(consumer: list[str], topic: Topic) -> None:
    process = subprocess.Popen(
        [*consumer, topic.name, "--group", topic.name, "--from", "now", "--number", "1"],
        env=topic.environment,
        stdout=subprocess.PIPE,
    )
    try:
        wait_until(lambda: _ends(process, topic), "the consumer to read something new", within_s=120, every_s=0.5)
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["change_id"].startswith("new")
    finally:
        process.kill()
        process.wait()


def _ends(process: subprocess.Popen[bytes], topic: Topic) -> bool:
    """Whether it has ended; writes something new for it to read."""
    topic.write(msgspec.structs.replace(THIRD, change_id=f"new{uuid.uuid4().hex}"))
    return process.poll() is not None


def test_kcat_shows_the_keys_of_what_is_committed(topic: Topic) -> None:
    if shutil.which("kcat") is None:
        pytest.skip("no kcat on this machine: the script for it is not tried")
    done = subprocess.run(
        [str(CONSUMERS / "read_changes.sh"), topic.name, "-e"],
        env=topic.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    features = subprocess.run(["kcat", "-V"], capture_output=True, check=False).stdout.decode()
    if "avro" in features.lower():
        assert [json.loads(line)["change_id"] for line in lines] == ["c1", "c1", "c3"]
    else:
        assert [line.split()[0] for line in lines] == [f"main|person|{ADAS}"] * 3
