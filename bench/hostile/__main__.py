"""`python -m bench.hostile`: a steady ordinary sender before, during and after ten minutes of attacks.

Prints latencies as ratios to the quiet minute before, and what each process of the stack holds in memory in
the first and in the last fifth of the attack. Ends with 1 when the sender's p99 more than doubles, when one of its
requests is refused or when memory goes on growing.
"""

import argparse
import http.client
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import psutil
from rich.table import Table

from bench.hostile.attacks import Target, port_of
from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import ALL_PROCESSES, Stack, StackOptions
from embedded.terminal import Terminal
from onefold.examples import SHOP
from runtime.loopback import LOOPBACK

RATE = 100  # requests a second, one event each
SENDERS = 4
MOST_P99_RATIO = 2.0
MOST_GROWTH = 1.15
SAMPLE_EVERY_S = 2.0


class Sender:
    """Ordinary senders at a steady rate, from an address that attacks nobody."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stopping = threading.Event()
        self._taken_s: list[float] = []
        self.refused = 0
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def taken_ms(self) -> list[float]:
        """Return how long each request took since the last call, in order of length."""
        taken, self._taken_s = self._taken_s, []
        return sorted(1000 * seconds for seconds in taken)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=60)
        headers = {"Authorization": "Basic ZGV2Og==", "Content-Type": "application/json"}
        count = 0
        due_at = time.monotonic()
        while not self._stopping.is_set():
            due_at += SENDERS / RATE
            time.sleep(max(0.0, due_at - time.monotonic()))
            count += 1
            body = msgspec.json.encode({"userId": f"user-{number}-{count % 1000}", "event": "Seen"})
            began = time.monotonic()
            try:
                connection.request("POST", "/v1/track", body, headers)
                answer = connection.getresponse()
                answer.read()
                self.refused += answer.status != http.client.OK
            except (OSError, http.client.HTTPException):
                self.refused += 1
                connection.close()
            # From when it was due: a sender that waits for a slow answer must not hide the next ones' wait.
            self._taken_s.append(time.monotonic() - min(began, due_at))


def main() -> int:
    """Measure and print; 1 when hostile traffic reaches others."""
    arguments = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600.0, help="of attacks (default 600)")
    arguments.add_argument("--quiet", type=float, default=60.0, help="seconds before and after (default 60)")
    chosen = arguments.parse_args()
    console = Terminal()
    with tempfile.TemporaryDirectory(prefix="onefold-hostile-") as folder:
        options = StackOptions(data_dir=Path(folder), definitions=SHOP, ports=Ports.free(), processes=ALL_PROCESSES)
        with Stack(options, screen_for(console)) as stack:
            return _measure(stack, console, chosen.seconds, chosen.quiet)


def _measure(stack: Stack, console: Terminal, seconds: float, quiet_s: float) -> int:
    sender = Sender(stack.options.ports.http)
    try:
        console.print("quiet, warming up and measured", style="dim")
        _watch(stack, quiet_s / 2)
        sender.taken_ms()
        _watch(stack, quiet_s)
        before = sender.taken_ms()
        console.print("attacked", style="dim")
        attackers = subprocess.Popen(
            [sys.executable, "-m", "bench.hostile.attacks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        memory: list[dict[str, int]] = []
        try:
            assert attackers.stdin is not None
            attackers.stdin.write(msgspec.json.encode(_target(stack, seconds)))
            attackers.stdin.close()
            memory = _watch(stack, seconds)
            during = sender.taken_ms()
            attackers.wait(120)
            rounds = attackers.stdout.read().decode() if attackers.stdout is not None else ""
        finally:
            attackers.kill()
        console.print("quiet again", style="dim")
        sender.taken_ms()
        _watch(stack, quiet_s)
        after = sender.taken_ms()
    finally:
        sender.stop()
    console.print(f"{RATE} ordinary requests/s; rounds of attacks in {seconds:.0f} s: {rounds}", highlight=False)
    return _print(console, {"before": before, "attacked": during, "after": after}, memory, sender.refused)


def _target(stack: Stack, seconds: float) -> Target:
    addresses, ports = stack.addresses, stack.options.ports
    metrics = (ports.worker_metrics, ports.sink_metrics, ports.rebuilder_metrics)
    return Target(ports.http, ports.api, port_of(addresses.clickhouse), metrics, addresses.kafka, seconds)


def _watch(stack: Stack, seconds: float) -> list[dict[str, int]]:
    """Resident bytes of each process, again and again. A process that is started again ends the bench: StackError."""
    samples = []
    ends_at = time.monotonic() + seconds
    pids = {name: stack.process(name).pid for name in ALL_PROCESSES}
    while time.monotonic() < ends_at:
        samples.append({name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()})
        time.sleep(SAMPLE_EVERY_S)
    return samples


def _print(console: Terminal, taken: dict[str, list[float]], memory: list[dict[str, int]], refused: int) -> int:
    failures = [f"{refused} ordinary requests were refused"] if refused else []
    latencies = Table("ordinary requests", "count", "p50 ms", "p99 ms", "p99, ratio")
    quiet = _quantile(taken["before"], 0.99)
    for name, found in taken.items():
        p99 = _quantile(found, 0.99)
        latencies.add_row(name, f"{len(found):,}", f"{_quantile(found, 0.5):.1f}", f"{p99:.1f}", f"{p99 / quiet:.2f}")
        if p99 > MOST_P99_RATIO * quiet:
            failures.append(f"p99 {name} is {p99 / quiet:.2f} times the quiet one")
    held = Table("resident MiB", "first fifth", "last fifth", "highest", "last / first")
    fifth = max(1, len(memory) // 5)
    for name in ALL_PROCESSES:
        series = [sample[name] / (1 << 20) for sample in memory]
        first, last = max(series[:fifth]), max(series[-fifth:])
        held.add_row(name, f"{first:.0f}", f"{last:.0f}", f"{max(series):.0f}", f"{last / first:.2f}")
        if last > MOST_GROWTH * first:
            failures.append(f"{name} grew from {first:.0f} to {last:.0f} MiB")
    console.print(latencies, held)
    for failure in failures:
        console.print(f"not held: {failure}")
    return 1 if failures else 0


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    sys.exit(main())
