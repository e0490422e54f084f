"""The sink on a backlog of what RESOLVE and PROFILE put out, beside its limits: reading alone, ClickHouse alone.

`python -m bench.sink` prints the rows; `python -m bench` shows them in its table. Rates are the machine's, CPU seconds
compare better.
"""

import argparse
import itertools
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from confluent_kafka import Consumer, Message, Producer, TopicPartition

import definitions
from bench.folds import run_stage
from bench.measure import Usage, wait_until_worked_off
from bench.workload import WORKLOADS, Workload
from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal
from onefold.examples import SHOP
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas import topics
from schemas.codec import Codec
from schemas.groups import SINK
from schemas.identity import identifier_key
from schemas.records import Event
from schemas.registry import Registry
from settings import Settings
from sinks.clickhouse.batch import batch_of
from sinks.clickhouse.loop import MAX_MESSAGES
from sinks.clickhouse.rows import ROWS
from state.outputs import Output
from streams.adoption import unchanging
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.phases import Record
from warehouse.client import Warehouse

PROCESSES = ("kafka", "registry", "clickhouse", "sink")
Item = TypeVar("Item")


class Cost(NamedTuple):
    """What `records` of a topic took; CPU seconds by process."""

    what: str
    records: int
    seconds: float
    cpu_s: dict[str, float]

    @property
    def rate(self) -> float:
        """Records a second of wall time."""
        return self.records / self.seconds

    def cpu_of(self, *names: str) -> float | None:
        """Return CPU seconds per million records of these processes, None when none of them took part."""
        known = [self.per_million[name] for name in names if name in self.cpu_s]
        return sum(known) if known else None

    @property
    def per_million(self) -> dict[str, float]:
        """CPU seconds per million records, of each process."""
        return {name: cpu_s / self.records * 1e6 for name, cpu_s in self.cpu_s.items()}


def measure(stack: Stack, workload: Workload, count: int, people: int) -> Iterator[Cost]:
    """Measure events, then profiles: reading alone, ClickHouse alone, the sink; then the sink on all that events cause.

    The stack's sink must have nothing to do.
    """
    outputs = _outputs(stack.settings, workload, count, people)
    for topic, what in ((topics.EVENTS_RESOLVED, "events"), (topics.PROFILES, "profiles")):
        chosen = [output for output in outputs if output.topic == topic]
        stack.process("sink").stop()
        _produce(stack.settings, chosen)
        yield _reading(stack.settings, topic, what, len(chosen))
        yield _clickhouse(stack, topic, what, chosen)
        yield _sink(stack, what, len(chosen))
    stack.process("sink").stop()
    _produce(stack.settings, outputs)
    yield _sink(stack, f"events with all that follows from them ({len(outputs) / count:.1f} records each)", count)


def _outputs(settings: Settings, workload: Workload, count: int, people: int) -> list[Output]:
    """What the stages make of `count` events for the topics of the sink."""
    codec = Codec(Registry(settings.registry))
    encode = codec.encoder(Event)
    sent = [
        Record(topics.EVENTS, 0, number, identifier_key(made.workspace, made.identifiers[0]), encode(made))
        for number, made in enumerate(workload.events(count, people, seed=3))
    ]
    defined = definitions.load(SHOP)
    program = definitions.compile_program(defined)
    resolved, _ = run_stage(ResolveStage(settings.workspaces, defined.identity, codec, lambda _: 0), sent)
    routed = [
        Record(output.topic, 0, number, output.key, output.value)
        for number, output in enumerate(resolved)
        if output.topic == topics.EVENTS_RESOLVED
    ]
    folded, _ = run_stage(
        ProfileStage(settings.workspaces, unchanging(program, settings.workspaces), defined.identity, codec), routed
    )
    return [output for output in (*resolved, *folded) if output.topic in ROWS]


def _produce(settings: Settings, outputs: Iterable[Output]) -> None:
    """As the worker does: transactions of some thousand records."""
    config = {
        "bootstrap.servers": settings.kafka,
        "transactional.id": uuid.uuid4().hex,
        "compression.type": "lz4",
        "linger.ms": 20,
    }
    producer = Producer(PRODUCER_CONFIG | config)
    producer.init_transactions()
    for batch in _batches(outputs, 2_500):
        producer.begin_transaction()
        for output in batch:
            producer.produce(output.topic, output.value, output.key)
        producer.commit_transaction()


def _reading(settings: Settings, topic: str, what: str, count: int) -> Cost:
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": uuid.uuid4().hex, "isolation.level": "read_committed"}
    )
    usage, started, seen = Usage(None), time.monotonic(), 0
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(settings.partitions)])
    while seen < count:
        seen += len(consumer.consume(min(1_000, count - seen), 1.0))
    cost = Cost(f"{what}: reading alone", count, time.monotonic() - started, {"reader": usage.cpu_s()})
    consumer.close()
    return cost


def _clickhouse(stack: Stack, topic: str, what: str, outputs: Sequence[Output]) -> Cost:
    """The same rows from prepared Arrow tables."""
    codec = Codec(Registry(stack.settings.registry))
    messages = (
        Message(topic=topic, partition=9, offset=number, key=output.key, value=output.value)
        for number, output in enumerate(outputs)
    )
    prepared = [batch_of(codec, batch) for batch in _batches(messages, MAX_MESSAGES)]
    warehouse = Warehouse(stack.settings.clickhouse)
    usage, client, started = Usage(stack.process("clickhouse").pid), Usage(None), time.monotonic()
    for insert in (insert for batch in prepared for insert in batch.inserts):
        warehouse.insert(insert.table, insert.columns, insert.token)
    took, client_s = time.monotonic() - started, client.cpu_s()
    _await_merges(warehouse)
    return Cost(f"{what}: ClickHouse alone", len(outputs), took, {"clickhouse": usage.cpu_s(), "client": client_s})


def _sink(stack: Stack, what: str, count: int) -> Cost:
    """Until all is committed; merges that ClickHouse goes on with count as its CPU, not as time."""
    stack.process("sink").restart()
    usages = {name: Usage(stack.process(name).pid) for name in ("sink", "clickhouse", "kafka")}
    took = wait_until_worked_off(stack.settings, (SINK.name,))
    cpu_s = {name: usage.cpu_s() for name, usage in usages.items()}
    _await_merges(Warehouse(stack.settings.clickhouse))
    return Cost(f"{what}: the sink", count, took, cpu_s | {"clickhouse": usages["clickhouse"].cpu_s()})


def _await_merges(warehouse: Warehouse) -> None:
    quiet = 0
    while quiet < 5:
        time.sleep(0.1)
        quiet = 0 if warehouse.rows("SELECT 1 FROM system.merges LIMIT 1") else quiet + 1


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def main() -> None:
    """Measure on a stack of its own and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.sink", description=__doc__)
    arguments.add_argument("--events", type=int, default=300_000, help="events of the backlog (default 300,000)")
    arguments.add_argument("--people", type=int, default=100_000, help="persons they are drawn from (default 100,000)")
    chosen = arguments.parse_args()
    console = Terminal()
    workload = WORKLOADS["shop"]
    console.print(f"{chosen.events:,} events of {chosen.people:,} persons: {workload.description}")
    with (
        tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder,
        Stack(StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=PROCESSES)) as stack,
    ):
        for cost in measure(stack, workload, chosen.events, chosen.people):
            used = ", ".join(f"{name} {cpu_s:.1f}" for name, cpu_s in cost.per_million.items())
            console.print(f"{cost.rate:>9,.0f}/s  {cost.what}  (CPU s per million: {used})", soft_wrap=True)


if __name__ == "__main__":
    main()
