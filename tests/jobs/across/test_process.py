"""Triggers across persons on a running stack: killed between query and publication, and evaluated by two processes."""

import json
import re
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from definitions import Definitions
from definitions.model import AcrossTrigger, Call, EventMatcher, Field
from definitions.sets.applying import apply_draft
from definitions.sets.folder import Draft
from definitions.sets.topic import read_publication
from embedded.layout import Ports, free_ports
from embedded.stack import Stack, StackOptions
from onefold.cli import onefold
from runtime.clock import now_ms
from runtime.failpoints import VARIABLE
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.reading import read_to_end
from schemas.codec import Codec
from schemas.identity import identifier_key
from schemas.records import Event, FiredTrigger, Identifier
from schemas.registry import Registry
from schemas.topics import EVENTS, TRIGGERS
from tests.support.process import ModuleProcess
from tests.support.rows import tuples
from tests.support.waiting import wait_until
from warehouse.client import Warehouse

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

VIEWS = EventMatcher((Call("track", "Product Viewed"),))
MINUTE = 60_000
SPIKE = AcrossTrigger(
    "view_spike",
    VIEWS,
    MINUTE,
    20,
    Field(("product_id",)),
    counts="people",
    payload=(("text", "{{ across.value }}: {{ across.number }}"),),
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """All but the rebuilder, which is the tests'."""
    with tempfile.TemporaryDirectory(prefix="onefold-across-") as folder:
        parts = ("kafka", "registry", "clickhouse", "worker", "sink")
        with Stack(StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=parts, is_brief=True)) as running:
            kafka = running.settings.kafka
            definitions = Definitions(across=(SPIKE,))
            apply_draft(kafka, Draft(definitions, {}), read_publication(kafka).version)
            yield running


@pytest.fixture
def rebuilders(stack: Stack, tmp_path: Path) -> Iterator[list[ModuleProcess]]:
    """Two processes, of which none is started."""
    processes = []
    for number in (1, 2):
        port = free_ports(1)[0]
        own = {"ONEFOLD_REBUILDER_METRICS_PORT": str(port), "ONEFOLD_WORKER": str(number)}
        log = tmp_path / f"rebuilder-{number}.log"
        processes.append(ModuleProcess("jobs", environment=dict(stack.environment) | own, log=log, port=port))
    yield processes
    for process in processes:
        if process.is_running:
            process.kill()


def view(stack: Stack, product: str, people: int = 30) -> None:
    """So many people view a product now, each event sent twice."""
    encode = Codec(Registry(stack.settings.registry)).encoder(Event)
    producer = Producer({**PRODUCER_CONFIG, "bootstrap.servers": stack.settings.kafka})
    now = now_ms()
    for person in range(people):
        who = Identifier("user_id", f"p{person}")
        properties = json.dumps({"product_id": product})
        event = Event(
            "main", "dev", uuid.uuid4().hex, "track", "Product Viewed", now, None, now, (who,), properties=properties
        )
        for _ in range(2):
            producer.produce(EVENTS, encode(event), identifier_key("main", who))
    assert producer.flush(60) == 0


def fired(stack: Stack, product: str) -> list[FiredTrigger]:
    """What is on the topic about a product."""
    codec = Codec(Registry(stack.settings.registry))
    records = (codec.decode(FiredTrigger, message.value()) for message in read_to_end(stack.settings.kafka, [TRIGGERS]))
    return [record for record in records if record.across == json.dumps(product)]


def await_fired(stack: Stack, product: str) -> FiredTrigger:
    wait_until(lambda: bool(fired(stack, product)), f"a trigger about {product}", 120, every_s=0.5)
    (record,) = fired(stack, product)
    return record


def test_killed_before_or_behind_its_publication_it_fires_once(stack: Stack, rebuilders: list[ModuleProcess]) -> None:
    rebuilder, _ = rebuilders
    rebuilder.launch(**{VARIABLE: "before_firing"})
    view(stack, "sku-1")
    wait_until(lambda: not rebuilder.is_running, "the process to die before it tells", 120)
    assert fired(stack, "sku-1") == []
    rebuilder.launch(**{VARIABLE: "after_firing"})
    wait_until(lambda: not rebuilder.is_running, "the process to die behind it", 120)
    record = await_fired(stack, "sku-1")
    rebuilder.start()
    view(stack, "sku-2")
    await_fired(stack, "sku-2")
    assert fired(stack, "sku-1") == [record], "it does not fire once more by whoever remembers"
    assert (record.profile_id, record.profile_kind, record.cause) == (None, None, "tick")
    assert json.loads(record.payload) == {"text": "sku-1: 30"}, "each person counts once, whatever was sent twice"
    assert record.fired_at % 5_000 == 0
    with Warehouse(stack.addresses.clickhouse) as warehouse:
        query = (
            "SELECT across, profile_id, profile_kind, trigger_id FROM onefold.triggers FINAL WHERE across = '\"sku-1\"'"
        )
        wait_until(lambda: bool(tuples(warehouse, query)), "the row in ClickHouse")
        assert tuples(warehouse, query) == [('"sku-1"', "", "", record.trigger_id)]

    shown = CliRunner().invoke(onefold, ["explain", "trigger", "view_spike"], env=dict(stack.environment))
    assert "at least 20 people with Product Viewed within 1m, each product_id by itself" in shown.output
    assert re.search(r'"sku-2"  30 .*fired at', shown.output), shown.output
    one = CliRunner().invoke(
        onefold, ["explain", "trigger", "view_spike", "sku-2", "--json"], env=dict(stack.environment)
    )
    assert [(each["value"], each["number"], each["holds"]) for each in json.loads(one.output)["values"]] == [
        ("sku-2", 30, True)
    ]


def test_of_two_processes_one_tells_and_the_other_goes_on_when_it_stops(
    stack: Stack, rebuilders: list[ModuleProcess]
) -> None:
    for process in rebuilders:
        process.start()
    view(stack, "sku-3")
    await_fired(stack, "sku-3")
    owner = next(each for each in rebuilders if each.metric("onefold_across_fired_total"))
    (other,) = (each for each in rebuilders if each is not owner)
    owner.send(signal.SIGSTOP)
    view(stack, "sku-4")
    await_fired(stack, "sku-4")
    assert other.metric("onefold_across_fired_total") == 1
    owner.send(signal.SIGCONT)
    view(stack, "sku-5")
    await_fired(stack, "sku-5")
    assert all(len(fired(stack, product)) == 1 for product in ("sku-3", "sku-4", "sku-5"))
