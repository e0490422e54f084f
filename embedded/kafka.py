"""The process of Kafka: broker and controller in one, in KRaft mode, listening on loopback only."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from embedded.errors import StackError
from embedded.java import QUICKLY, java_command, java_environment
from embedded.layout import Layout
from embedded.private import UMASK, private_file
from embedded.steps import READINESS_TIMEOUT_S, ProcessSpec, accepts_connections
from runtime.loopback import LOOPBACK

_HEAP_MB = 512
_MAX_MESSAGE_BYTES = 8_388_608
_FLAGS = (
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
)

# One node: no replicas to wait for, no wait for further members of a group, and few partitions in the internal topics,
# so that start and recovery stay short.
_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "transaction.max.timeout.ms": "900000",
    "add.partitions.to.txn.retry.backoff.ms": "5",  # one broker: the wait for the last markers is short
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "message.max.bytes": str(_MAX_MESSAGE_BYTES),
    "replica.fetch.max.bytes": str(_MAX_MESSAGE_BYTES),
    "log.retention.hours": "168",
    "log.segment.bytes": str(256 * 1024 * 1024),
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "controlled.shutdown.enable": "false",  # there is no other broker to hand leadership to
}


def kafka_process(  # noqa: PLR0913, PLR0917 - the last two are the tests'
    layout: Layout,
    port: int,
    controller_port: int,
    jars: Sequence[Path],
    settings: Mapping[str, str] = MappingProxyType({}),
    flags: Sequence[str] = (),
) -> ProcessSpec:
    """Describe Kafka on `port`, with its state below `layout.kafka`; formatted before the first start.

    For tests: `settings`, broker settings that go before the stack's own, and `flags` of its Java runtime.
    """
    class_path = ":".join(str(jar) for jar in jars)
    properties = layout.kafka / "server.properties"

    def prepare() -> None:
        _write_properties(properties, layout, port, controller_port, settings)
        if not (layout.kafka / "topics" / "meta.properties").exists():
            _format(class_path, properties)

    def ready() -> bool:
        if not accepts_connections(port):
            return False
        try:
            admin = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": 0})
            return len(admin.list_topics(timeout=READINESS_TIMEOUT_S).brokers) == 1
        except KafkaException:
            return False

    return ProcessSpec(
        name="kafka",
        title="Kafka",
        command=[*java_command(_HEAP_MB, (*_FLAGS, *flags)), "-cp", class_path, "kafka.Kafka", str(properties)],
        environment=java_environment(),
        ready=ready,
        prepare=prepare,
        stop_within_s=8.0,
    )


def _write_properties(path: Path, layout: Layout, port: int, controller_port: int, settings: Mapping[str, str]) -> None:
    listeners = f"BROKER://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}"
    placed = {
        "listeners": listeners,
        "advertised.listeners": f"BROKER://{LOOPBACK}:{port}",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "log.dirs": str(layout.kafka / "topics"),
    }
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lines = [f"{name}={_escaped(value)}" for name, value in (_PROPERTIES | placed | dict(settings)).items()]
    with open(path, "w", encoding="utf-8", opener=private_file) as file:
        file.write("# Written at every start of the stack.\n" + "\n".join(lines) + "\n")


def _escaped(value: str) -> str:
    """Return a value as Java's properties files want it: ASCII, the rest as UTF-16 units."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
    return "".join(chr(code) if 0x20 < code < 0x7F and code != ord("\\") else f"\\u{code:04x}" for code in codes)


def _format(class_path: str, properties: Path) -> None:
    # Kafka's tool takes a leading dash for an option, so the first byte is one that cannot lead to it.
    cluster_id = urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    command = [*java_command(_HEAP_MB, (QUICKLY,)), "-cp", class_path, "kafka.tools.StorageTool"]
    command += ["format", "--cluster-id", cluster_id, "--config", str(properties), "--ignore-formatted"]
    formatted = subprocess.run(
        command,
        env=java_environment(),
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        umask=UMASK,
    )
    if formatted.returncode != 0:
        reason = (formatted.stderr or formatted.stdout).strip().splitlines()[-1:]
        raise StackError(f"Kafka's storage below {properties.parent} could not be formatted: {' '.join(reason)}")
