"""Workers on a backlog: how fast they work it off once they are warm, and what that costs them and the broker."""

import contextlib
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bench.measure import Usage
from bench.processes import running, wait_for_empty_group
from bench.workload import Sender, Workload
from embedded.layout import free_ports
from embedded.process import StackProcess
from embedded.stack import Stack
from embedded.steps import ProcessSpec
from runtime.kafka.topics import create_topics
from schemas import groups, topics
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage

SAMPLE_S = 0.25
DEADLINE_S = 600.0
SESSION_TIMEOUT_MS = "6000"
ALL = ("resolve", "graph", "profile")
FOLDED = r'onefold_profile_events_total\{outcome="folded",[^}]*\} (\S+)'


class Rate(NamedTuple):
    """Of `events` events in a row, after the warm-up. CPU seconds of all workers together, and of the broker."""

    events: float
    seconds: float
    cpu_s: float
    broker_cpu_s: float
    rss_mib: float

    @property
    def per_s(self) -> float:
        return self.events / self.seconds


class Workers(NamedTuple):
    """Worker processes and the ports of their metrics."""

    processes: Sequence[StackProcess]
    ports: Sequence[int]

    def total(self, pattern: str) -> float:
        """Return the sum of all values of the metrics that match, over all workers that answer."""
        return sum(float(value) for port in self.ports for value in re.findall(pattern, _metrics(port)))


@contextlib.contextmanager
def workers(stack: Stack, folder: Path, number: int, stages: Sequence[str] = ALL) -> Iterator[Workers]:
    """Start workers, and stop them with the block.

    The members of their group are static. One that comes back at once is given what its predecessor had, whatever it
    asks for; so the group must be empty first.
    """
    wait_for_empty_group(AdminClient({"bootstrap.servers": stack.settings.kafka, "log_level": 0}), groups.WORKER.name)
    folder.mkdir(parents=True, exist_ok=True)
    ports = free_ports(number)
    specs = [_spec(stack, folder / f"worker-{at}", at + 1, port, stages) for at, port in enumerate(ports)]
    with running(specs, folder) as processes:
        yield Workers(processes, ports)


def work_off(stack: Stack, at_work: Workers, pattern: str, warm: int, events: int) -> Rate:
    """Wait until the metric has come from `warm` to `warm + events`. Raises TimeoutError, or when a worker ends."""
    usages = [Usage(process.pid) for process in at_work.processes]
    broker = Usage(stack.process("kafka").pid)
    samples: list[tuple[float, float, float, float]] = []
    deadline, rss_mib = time.monotonic() + DEADLINE_S, 0.0
    while not samples or samples[-1][0] < warm + events:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{samples[-1][0]:,.0f} of {warm + events:,} events within {DEADLINE_S:.0f} s")
        time.sleep(SAMPLE_S)
        for process in at_work.processes:
            if process.pid is None:
                raise process.failure("ended by itself")
        done = at_work.total(pattern)
        samples.append((done, time.monotonic(), sum(usage.cpu_s() for usage in usages), broker.cpu_s()))
        rss_mib = max(rss_mib, *(usage.rss_mib() for usage in usages))
    first = next(sample for sample in samples if sample[0] >= warm)
    done, seconds, cpu_s, broker_cpu_s = (after - before for after, before in zip(samples[-1], first, strict=True))
    return Rate(done, seconds, cpu_s, broker_cpu_s, rss_mib)


def fill(stack: Stack, workload: Workload, events: int, people: int, seed: int) -> None:
    """Put events on the topic."""
    sender = Sender(stack.settings)
    for made in workload.events(events, people, seed):
        sender.send(made)
    sender.flush()


def begin_anew(stack: Stack) -> None:
    """Leave empty topics, and a group without members; the broker stays as warm as it is."""
    admin = AdminClient({"bootstrap.servers": stack.settings.kafka, "log_level": 0})
    consumer_groups = [groups.WORKER.name, groups.SINK.name]
    for group in consumer_groups:
        wait_for_empty_group(admin, group)
    names = set(topics.configurations()) & admin.list_topics(timeout=30).topics.keys()
    for future in (*admin.delete_topics(list(names)).values(), *admin.delete_consumer_groups(consumer_groups).values()):
        with contextlib.suppress(KafkaException):  # there was none yet
            future.result()
    deadline = time.monotonic() + 60
    while names & admin.list_topics(timeout=30).topics.keys() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1.0)  # the broker deletes the files a moment after the names
    create_topics(stack.settings.kafka, topics.configurations(), stack.settings.partitions, stack.settings.replication)


def records_of(stage: type[ResolveStage | ProfileStage]) -> str:
    """Return the metric of what a stage has taken in, when it runs alone."""
    return rf'onefold_worker_records_total\{{stage="{stage.name}"\}} (\S+)'


def _spec(stack: Stack, folder: Path, number: int, port: int, stages: Sequence[str]) -> ProcessSpec:
    folder.mkdir(exist_ok=True)
    own = {
        "ONEFOLD_WORKER": str(number),
        "ONEFOLD_DATA_DIR": str(folder),
        "ONEFOLD_WORKER_METRICS_PORT": str(port),
        "ONEFOLD_SESSION_TIMEOUT_MS": SESSION_TIMEOUT_MS,
    }
    command = [sys.executable, "-m", "bench.hosting", *stages]
    return ProcessSpec(folder.name, folder.name, command, dict(stack.environment) | own, lambda: True, stop_within_s=15)


def _metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""
