"""Definitions that are edited under load, on a running stack, with worker and back-fill killed on the way."""

import json
import random
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from definitions import Definitions, Segment
from definitions.model import (
    Aggregate,
    Call,
    EventCount,
    EventMatcher,
    Field,
    Measure,
    Not,
    Statistical,
    Trait,
    Window,
)
from definitions.sets.applying import apply_draft
from definitions.sets.folder import Draft
from definitions.sets.topic import read_publication
from embedded.layout import Ports, free_ports
from embedded.stack import Stack, StackOptions
from jobs.failpoints import BACKFILL
from runtime.clock import now_ms
from runtime.failpoints import VARIABLE
from runtime.kafka.clients import MAX_RECORD_BYTES, PRODUCER_CONFIG
from schemas import topics
from schemas.codec import Codec
from schemas.identity import default_profile_id, identifier_key
from schemas.records import Event, Identifier
from schemas.registry import Registry
from schemas.topics import EVENTS
from tests.faults.topics import set_topic
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.queries.definitions import EvaluationQuery, members

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PEOPLE = 200
DAY = 86_400_000
PAGES = EventMatcher((Call("track", "Viewed"),))
ORDERS = EventMatcher((Call("track", "Ordered"),))
BEFORE = Definitions((Segment("viewers", EventCount(PAGES, Window(DAY), 2)),))
LITTLE = 600_000
LONG_LISTS = tuple(
    Trait(
        f"p{each}",
        Statistical(Aggregate(EventMatcher((Call("track", "Wrote"),)), Measure.VALUES, Field((f"p{each}",)))),
    )
    for each in range(40)
)
AFTER = Definitions(
    (
        Segment("viewers", EventCount(PAGES, Window(2 * DAY), 5)),
        Segment("buyers", EventCount(ORDERS, Window())),
        Segment("not_buying", Not(EventCount(ORDERS, Window(30 * DAY)))),
    )
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """All but the rebuilder, which is the tests'."""
    with tempfile.TemporaryDirectory(prefix="onefold-backfill-") as folder:
        parts = ("kafka", "registry", "clickhouse", "worker", "sink")
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=parts, is_brief=True)
        with Stack(options) as running:
            yield running


class Shoppers:
    """Sends events of a few people, as fast or as slowly as wanted."""

    def __init__(self, stack: Stack) -> None:
        self._encode = Codec(Registry(stack.settings.registry)).encoder(Event)
        self._producer = Producer({**PRODUCER_CONFIG, "bootstrap.servers": stack.settings.kafka})
        self._namespace = stack.settings.workspaces["main"].namespace
        self._sent = 0

    def send(self, number: int) -> None:
        """An event of some person: every seventh is an order, of every third person."""
        now, person = now_ms(), number % PEOPLE
        who = Identifier("user_id", f"p{person}")
        name = "Ordered" if self._sent % 7 == 0 and person % 3 == 0 else "Viewed"
        self._sent += 1
        event = Event("main", "dev", uuid.uuid4().hex, "track", name, now, None, now, (who,), ordinal=self._sent)
        self._producer.produce(EVENTS, self._encode(event), identifier_key("main", who))
        self._producer.poll(0)

    def send_long(self, number: int) -> str:
        """Events of one person with long texts that do not repeat; her profile."""
        who = Identifier("user_id", "whale")
        for at in range(number):
            texts = {f"p{each}": random.Random(f"{at} {each}").randbytes(100).hex() for each in range(len(LONG_LISTS))}
            now = now_ms()
            event = Event(
                "main", "dev", uuid.uuid4().hex, "track", "Wrote", now, None, now, (who,), ordinal=at,
                properties=json.dumps(texts),
            )  # fmt: skip
            self._producer.produce(EVENTS, self._encode(event), identifier_key("main", who))
            self._producer.poll(0)
        return default_profile_id(self._namespace, who)

    def flush(self) -> None:
        assert self._producer.flush(60) == 0

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Go on sending within the block."""
        ended = threading.Event()

        def go_on() -> None:
            number = 0
            while not ended.wait(0.02):
                self.send(number)
                number += 7

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.flush()


@pytest.fixture
def rebuilder(stack: Stack, tmp_path: Path) -> Iterator[ModuleProcess]:
    port = free_ports(1)[0]
    environment = dict(stack.environment) | {"ONEFOLD_REBUILDER_METRICS_PORT": str(port)}
    process = ModuleProcess("jobs", environment=environment, log=tmp_path / "rebuilder.log", port=port)
    yield process
    if process.is_running:
        process.kill()


def apply(stack: Stack, definitions: Definitions) -> int:
    kafka = stack.settings.kafka
    return apply_draft(kafka, Draft(definitions, {}), read_publication(kafka).version).version


def is_in_effect(stack: Stack, version: int) -> bool:
    publication = read_publication(stack.settings.kafka)
    evaluated = [publication.evaluated(name, stack.settings.partitions) for name in stack.settings.workspaces]
    return all(each is not None and each.version >= version for each in evaluated)


def differing(warehouse: Warehouse, definitions: Definitions) -> dict[str, int]:
    """By segment, how many are in it by the streams or by SQL, and not by both."""
    differing = {}
    for segment in definitions.segments:
        wanted = EvaluationQuery(definitions, "main", "person", now_ms())
        rows = warehouse.rows(f"SELECT profile_id FROM onefold.segment_members FINAL WHERE segment = '{segment.name}'")
        streamed = {str(row["profile_id"]) for row in rows}
        differing[segment.name] = len(streamed ^ set(members(warehouse, wanted, segment.name)))
    return differing


@pytest.mark.slow
def test_who_has_more_of_the_past_than_a_record_holds_is_left_out_and_nobody_else(
    stack: Stack, rebuilder: ModuleProcess
) -> None:
    """Kafka takes less than it does else, as nobody has 8 MB in a test; what PROFILE may not write, it refuses."""
    apply(stack, Definitions())
    shoppers = Shoppers(stack)
    for number in range(PEOPLE):
        shoppers.send(number)
    whale = shoppers.send_long(200)
    shoppers.flush()
    changelog = topics.changelog("profiles")
    admin = AdminClient({"bootstrap.servers": stack.settings.kafka})
    rebuilder.start()
    set_topic(admin, changelog, {"max.message.bytes": str(LITTLE)})
    try:
        version = apply(stack, Definitions(BEFORE.segments, traits=LONG_LISTS))
        wait_until(lambda: is_in_effect(stack, version), "the new definitions to be in effect", 180)
    finally:
        set_topic(admin, changelog, {"max.message.bytes": str(MAX_RECORD_BYTES)})
    assert read_publication(stack.settings.kafka).completions["main"].left_out == (whale,)
    assert 'onefold_backfill_profiles_left_out_total{workspace="main"} 1.0' in rebuilder.metrics()
    with Warehouse(stack.addresses.clickhouse) as warehouse:
        wait_until(lambda: differing(warehouse, BEFORE) == {"viewers": 0}, "the streams to agree with SQL", 90)


@pytest.mark.slow
def test_killed_anywhere_under_load_it_ends_equal_to_sql(stack: Stack, rebuilder: ModuleProcess) -> None:
    shoppers = Shoppers(stack)
    apply(stack, BEFORE)
    for number in range(5 * PEOPLE):
        shoppers.send(number)
    shoppers.flush()
    with shoppers.sending():
        version = apply(stack, AFTER)
        for failpoint in BACKFILL:
            rebuilder.launch(**{VARIABLE: failpoint})
            wait_until(lambda: not rebuilder.is_running, f"the rebuilder to die at {failpoint}", 120)
            if failpoint == "between_seeds":
                worker = stack.process("worker")
                worker.kill()
                worker.start()
        rebuilder.start()
        wait_until(lambda: is_in_effect(stack, version), "the new definitions to be in effect", 180)
    with Warehouse(stack.addresses.clickhouse) as warehouse:
        nobody = {"viewers": 0, "buyers": 0, "not_buying": 0}
        wait_until(lambda: differing(warehouse, AFTER) == nobody, "the streams to agree with SQL", 90)
        rows = warehouse.rows("SELECT segment, count() AS n FROM onefold.segment_members FINAL GROUP BY segment")
    assert {str(row["segment"]) for row in rows} == {"viewers", "buyers", "not_buying"}
