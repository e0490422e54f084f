"""The peers: how each is started, with how many processes, and which of Onefold's rows it is compared with."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.peers import environments
from embedded.layout import free_ports
from runtime.loopback import LOOPBACK

FASTAVRO = "fastavro==1.13.1"  # ours; all Python peers decode with the same


class Peer(NamedTuple):
    """`commands` makes the command of each process from the run's folder; it may raise environments.Unavailable.

    `beside`: the processes or threads of the Onefold row that it is compared with.
    """

    name: str
    title: str
    commands: Callable[[Path], Sequence[Sequence[str]]]
    beside: int


def _script(name: str) -> str:
    return str(environments.HERE / f"{name}_app.py")


def _onefold(processes: int) -> Callable[[Path], Sequence[Sequence[str]]]:
    return lambda _: [[sys.executable, _script("onefold")]] * processes


def _quix(processes: int, guarantee: str = "at-least-once") -> Callable[[Path], Sequence[Sequence[str]]]:
    def commands(_: Path) -> Sequence[Sequence[str]]:
        python = environments.python("quix", ["quixstreams==3.28.1", FASTAVRO], (3, 13))
        return [[str(python), _script("quix"), guarantee]] * processes

    return commands


def _faust(_: Path) -> Sequence[Sequence[str]]:
    python = environments.python("faust", ["faust-streaming[rocksdb]==0.15.3", FASTAVRO], (3, 12))
    return [[str(python), _script("faust")]]


def _bytewax(processes: int) -> Callable[[Path], Sequence[Sequence[str]]]:
    def commands(folder: Path) -> Sequence[Sequence[str]]:
        python = environments.python("bytewax", ["bytewax[kafka]==0.21.1", FASTAVRO], (3, 12))
        recovery = folder / "recovery"
        recovery.mkdir()
        subprocess.run([python, "-m", "bytewax.recovery", str(recovery), "4"], check=True)
        run = [
            str(python),
            "-m",
            "bytewax.run",
            f"{_script('bytewax')}:flow",
            "-r",
            str(recovery),
            "-s",
            "2",
            "-b",
            "0",
        ]
        if processes == 1:
            return [run]
        addresses = ";".join(f"{LOOPBACK}:{port}" for port in free_ports(processes))
        return [[*run, "-i", str(number), "-a", addresses] for number in range(processes)]

    return commands


def _streams(cache: str, threads: int, guarantee: str = "at_least_once") -> Callable[[Path], Sequence[Sequence[str]]]:
    return lambda _: [[*environments.kafka_streams(), cache, str(threads), guarantee]]


PEERS = (
    Peer("onefold-1", "Onefold, 1 worker", _onefold(1), 1),
    Peer("quix-1", "Quix Streams 3.28.1, 1 process", _quix(1), 1),
    Peer("quix-exactly", "Quix Streams 3.28.1, 1 process, exactly once", _quix(1, "exactly-once"), 1),
    Peer("bytewax-1", "Bytewax 0.21.1, 1 worker", _bytewax(1), 1),
    Peer("streams-1", "Kafka Streams 4.1.1, cache, 1 thread", _streams("cache", 1), 1),
    Peer(
        "streams-exactly",
        "Kafka Streams 4.1.1, cache, 1 thread, exactly once",
        _streams("cache", 1, "exactly_once_v2"),
        1,
    ),
    Peer("streams-nocache", "Kafka Streams 4.1.1, no cache, 1 thread", _streams("nocache", 1), 1),
    Peer("faust-1", "stock Faust 0.15.3, 1 process", _faust, 1),
    Peer("onefold-2", "Onefold, 2 workers", _onefold(2), 2),
    Peer("quix-2", "Quix Streams 3.28.1, 2 processes", _quix(2), 2),
    Peer("bytewax-2", "Bytewax 0.21.1, 2 processes", _bytewax(2), 2),
    Peer("streams-2", "Kafka Streams 4.1.1, cache, 2 threads", _streams("cache", 2), 2),
)
