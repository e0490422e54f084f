"""One run of one peer: start its processes, wait until the topic is worked off, stop them, and measure."""

import contextlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.measure import Usage
from bench.peers.checking import result_of
from bench.peers.environments import HERE
from bench.peers.peers import Peer
from bench.peers.workload import PARTITIONS, TOPIC, Result
from bench.processes import running, wait_for_empty_group
from embedded.process import StackProcess
from embedded.stack import Stack
from embedded.steps import ProcessSpec
from schemas.groups import WORKER
from schemas.topics import APP, changelog

SAMPLE_S = 0.1
STOP_WITHIN_S = 15.0


class RunFailed(Exception):
    """A peer did not do the job; the message says how far it came."""


class Run(NamedTuple):
    """Figures of a run. `cpu_s` and `broker_cpu_s`: from the first record to the last."""

    events: int
    seconds: float
    cpu_s: float
    broker_cpu_s: float
    rss_mib: float
    result: Result

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    @property
    def per_cpu_s(self) -> float:
        return self.events / self.cpu_s


class _Sampler:
    """CPU seconds by the clock, so that they can be told for a stretch of time afterwards; and the peak of memory."""

    def __init__(self, peer: Sequence[Usage], broker: Usage) -> None:
        self._peer, self._broker = peer, broker
        self._seen: list[tuple[float, float, float]] = []
        self.rss_mib = 0.0

    def sample(self) -> None:
        self._seen.append((time.time(), sum(usage.cpu_s() for usage in self._peer), self._broker.cpu_s()))
        self.rss_mib = max(self.rss_mib, sum(usage.rss_mib() for usage in self._peer))

    def between(self, start: float, end: float) -> tuple[float, float]:
        """CPU seconds of peer and broker, from the last sample before `start` to the first one well after `end`."""
        first = next(seen for seen in reversed(self._seen) if seen[0] <= start or seen is self._seen[0])
        last = next((seen for seen in self._seen if seen[0] >= end + SAMPLE_S), self._seen[-1])
        return last[1] - first[1], last[2] - first[2]


def run(peer: Peer, stack: Stack, folder: Path, events: int) -> Run:
    """Run a peer over the topic. Raises Unavailable when it cannot run here, RunFailed when it does not get there."""
    name = f"{peer.name}-{uuid.uuid4().hex[:8]}"
    output, folder = f"pp-segments-{name}", folder / name
    results = folder / "results"
    results.mkdir(parents=True)
    commands = peer.commands(folder)
    _prepare(stack.settings.kafka, name, output)
    environment = dict(stack.environment) | {
        "PYTHONPATH": str(HERE),  # where `fold` and `noted` are
        "PEERS_KAFKA": stack.settings.kafka,
        "PEERS_INPUT": TOPIC,
        "PEERS_OUTPUT": output,
        "PEERS_RUN": name,
        "PEERS_RESULTS": str(results),
        "ONEFOLD_PARTITIONS": str(PARTITIONS),
    }
    specs = [_spec(name, command, environment, folder, number) for number, command in enumerate(commands)]
    with running(specs, folder) as processes:
        sampler = _Sampler([Usage(process.pid) for process in processes], Usage(stack.process("kafka").pid))
        _wait(processes, sampler, results, events)
    noted = _noted(results)
    start, end = min(one["first_at"] for one in noted), max(one["last_at"] for one in noted)
    stored = changelog(name) if _is_ours(name) else None
    result = result_of(stack.settings.kafka, output, (one["counts"] for one in noted), stored)
    return Run(events, end - start, *sampler.between(start, end), sampler.rss_mib, result)


def _spec(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, number: int) -> ProcessSpec:
    own = folder / str(number)
    own.mkdir()
    its = {"PEERS_FOLDER": str(own), "ONEFOLD_DATA_DIR": str(own), "ONEFOLD_WORKER": str(number + 1)}
    return ProcessSpec(
        f"{name}.{number}", name, command, dict(environment) | its, lambda: True, stop_within_s=STOP_WITHIN_S
    )


def _is_ours(name: str) -> bool:
    return name.startswith(APP)


def _prepare(kafka: str, name: str, output: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    wanted = [NewTopic(output, PARTITIONS, 1)]
    if _is_ours(name):
        wanted.append(NewTopic(changelog(name), PARTITIONS, 1, config={"cleanup.policy": "compact"}))
        try:
            wait_for_empty_group(admin, WORKER.name)
        except TimeoutError as error:
            raise RunFailed(str(error)) from error
    for future in admin.create_topics(wanted).values():
        future.result()


def _wait(processes: Sequence[StackProcess], sampler: _Sampler, results: Path, events: int) -> None:
    deadline = time.monotonic() + 120 + events / 800
    while True:
        time.sleep(SAMPLE_S)
        for process in processes:
            if process.pid is None:
                raise RunFailed(f"ended by itself, {process.ending}: {' / '.join(process.log_tail(3))}")
        with contextlib.suppress(psutil.NoSuchProcess):  # told in the next round
            sampler.sample()
        seen = sum(one["records"] for one in _noted(results))
        if seen >= events:
            return
        if time.monotonic() > deadline:
            raise RunFailed(f"not done in time: {seen:,} of {events:,} events")


def _noted(results: Path) -> list[dict[str, Any]]:
    """What the processes have noted so far, see `noted.py`."""
    return [json.loads(path.read_text()) for path in results.glob("*.json")]
