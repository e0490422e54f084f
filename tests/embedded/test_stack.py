"""The real Kafka, registry and ClickHouse: what they serve, where they listen, what survives, what is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from embedded.layout import Ports
from embedded.running import find_running
from embedded.stack import STORES, Stack, StackOptions
from schemas import topics
from tests.support import plain
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

_START_KAFKA = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
with Stack(StackOptions(data_dir=Path(sys.argv[1]), ports=Ports.free(), processes=("kafka",), is_brief=True)):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_kafka_has_the_topics_and_makes_no_others(stack: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.addresses.kafka})
    asked = admin.list_topics("unheard.of", timeout=10).topics["unheard.of"]
    assert asked.error is not None
    known = set(admin.list_topics(timeout=10).topics)
    assert set(topics.configurations()) <= known
    assert "unheard.of" not in known


def test_the_registry_has_a_schema_for_every_topic(stack: Stack) -> None:
    subjects = plain.get(f"{stack.addresses.registry}/subjects").json()
    assert {f"{topic}-value" for topic in topics.RECORD_OF} <= set(subjects)


def test_clickhouse_answers(stack: Stack) -> None:
    assert plain.post(stack.addresses.clickhouse, content="SELECT 6 * 7").text == "42\n"


@pytest.mark.parametrize("name", STORES)
def test_parts_listen_on_loopback_only(stack: Stack, name: str) -> None:
    pid = stack.process(name).pid
    assert pid is not None
    connections = psutil.Process(pid).net_connections("inet")
    listening = {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
    assert listening
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_other_processes_find_the_stack(stack: Stack) -> None:
    running = find_running(stack.options.data_dir)
    assert running is not None
    assert running.addresses == stack.addresses
    assert running.processes == {name: stack.process(name).pid for name in STORES}


@pytest.mark.slow
def test_a_changed_broker_keeps_records_over_a_stop_and_a_kill_in_a_folder_with_any_name(tmp_path: Path) -> None:
    folder, changed = tmp_path / "Käufer & 买家 \\ 1", {"group.initial.rebalance.delay.ms": "1234"}

    def options() -> StackOptions:
        return StackOptions(data_dir=folder, ports=Ports.free(), processes=("kafka",), broker=changed, is_brief=True)

    with Stack(options()) as first:
        admin = AdminClient({"bootstrap.servers": first.addresses.kafka})
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(30)
        (answer,) = admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")]).values()
        assert changed.items() <= {name: entry.value for name, entry in answer.result().items()}.items()
        _produce(first, b"before the stop")
    with Stack(options()) as second:
        _produce(second, b"before the kill")
        second.process("kafka").kill()
        second.process("kafka").restart()
        assert _consume(second, 2) == [b"before the stop", b"before the kill"]


# That SIGTERM leaves nothing of a whole stack, tests/onefold/test_up.py shows.
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_no_process_is_left_whatever_ends_the_stack(tmp_path: Path, number: signal.Signals) -> None:
    stack = subprocess.Popen([sys.executable, "-c", _START_KAFKA, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert stack.stdout is not None
    assert stack.stdout.readline() == "ready\n"
    started = psutil.Process(stack.pid).children(recursive=True)
    assert any("kafka.Kafka" in process.cmdline() for process in started)
    os.kill(stack.pid, number)
    stack.wait(30)
    wait_until(lambda: not any(_runs(process) for process in started), "all processes to end")
    assert find_running(tmp_path) is None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _produce(stack: Stack, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": stack.addresses.kafka, "acks": "all"})
    producer.produce("kept", value)
    assert producer.flush(30) == 0


def _consume(stack: Stack, count: int) -> list[bytes | None]:
    group = {"group.id": "readers", "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": stack.addresses.kafka} | group)
    consumer.subscribe(["kept"])
    try:
        return [message.value() for message in consumer.consume(count, timeout=60)]
    finally:
        consumer.close()
