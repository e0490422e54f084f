"""`make bench`: one table in one run, on a stack of its own. Rates vary from machine to machine: read the ratios.

Limits come first, then the stages alone, the whole path, the sink, latencies and recovery. A worker's row counts from
the end of its warm-up to the last event; CPU is in seconds for a million events, of all worker processes together.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.table import Table

from bench import folds, latency, limits, recovery, sink
from bench.measure import Usage, wait_until_worked_off
from bench.workers import ALL, FOLDED, Workers, begin_anew, fill, records_of, work_off, workers
from bench.workload import WORKLOADS, Workload
from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal
from onefold.examples import SHOP
from schemas.groups import SINK, WORKER
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage

PARTS = ("kafka", "registry", "clickhouse", "collector", "sink")
RATES = (1_000, 2_000, 5_000)


class Bench:
    """A stack, what is sent to it, and the table so far."""

    def __init__(self, stack: Stack, workload: Workload, chosen: argparse.Namespace, table: Table) -> None:
        self.stack = stack
        self.workload = workload
        self.events, self.warm, self.people, self.seconds = chosen.events, chosen.warm, chosen.people, chosen.seconds
        self.table = table
        self._folder = Path(stack.logs) / "bench"
        self._seed = 0

    def row(self, what: str, per_s: float, cpu_s: float | None, broker_cpu_s: float | None, remark: str = "") -> None:
        shown = ["" if value is None else f"{value:.1f}" for value in (cpu_s, broker_cpu_s)]
        self.table.add_row(what, f"{per_s:,.0f}", *shown, remark)

    def limits(self) -> None:
        """Reading, decoding and folding, each by itself."""
        self._fill_anew()
        cost, took = limits.consume(self.stack.settings)
        self.row(cost.what, cost.events / took, cost.cpu_s / cost.events * 1e6, None)
        for cost in folds.measure(self.stack.settings, self.workload, min(self.events, 100_000), self.people):
            self.row(cost.what, cost.events / cost.cpu_s, cost.cpu_s / cost.events * 1e6, None, "of one core")

    def alone(self) -> None:
        """Run RESOLVE on `events`, then PROFILE on what it left on `events.resolved`."""
        self._fill_anew()
        for stage in (ResolveStage, ProfileStage):
            with self._workers(1, [stage.name]) as running:
                self._work_off(f"{stage.name.upper()} alone, one worker", running, records_of(stage))

    def one_worker(self) -> None:
        """Measure the whole path; then, while everything is warm, latencies; then recovery from what that has left."""
        self._fill_anew()
        with self._workers(1) as running:
            self._work_off("RESOLVE, GRAPH and PROFILE, one worker", running, FOLDED)
            wait_until_worked_off(self.stack.settings, (WORKER.name,))
            for rate in RATES:
                self._latency(running, rate)
        recovered = recovery.measure(self.stack.settings)
        remark = f"{recovered.records:,} changelog records of `profiles`, one partition after the other, one process"
        cpu_s = recovered.cpu_s / recovered.records * 1e6
        self.row("recovery, records/s", recovered.records / recovered.seconds, cpu_s, None, remark)

    def two_workers(self) -> None:
        """Run the whole path by two processes."""
        self._fill_anew()
        with self._workers(2) as running:
            self._work_off("RESOLVE, GRAPH and PROFILE, two workers", running, FOLDED)

    def warehouse(self) -> None:
        """Run the ClickHouse sink: events, profiles, and an event with all that follows from it."""
        self.stack.process("sink").stop()
        begin_anew(self.stack)
        for cost in sink.measure(self.stack, self.workload, self.events, self.people):
            self.row(f"sink, {cost.what}", cost.rate, cost.cpu_of("sink", "reader", "client"), cost.cpu_of("kafka"),
                     f"ClickHouse {cost.cpu_of('clickhouse') or 0:.1f} CPU s")  # fmt: skip

    def cdnow(self) -> None:
        """Import CDNOW, from the command to ClickHouse, with everything running."""
        self.stack.process("sink").stop()
        begin_anew(self.stack)
        self.stack.process("sink").restart()
        with workers(self.stack, self._folder / "cdnow", 1) as running:
            while not running.total(r'onefold_recovery_seconds_count\{stage="profile"\} (\S+)'):
                time.sleep(0.2)
            started = time.monotonic()
            command = [sys.executable, "-m", "onefold", "import", "cdnow", "--json"]
            subprocess.run(command, env=dict(self.stack.environment), check=True, stdout=subprocess.DEVNULL)
            wait_until_worked_off(self.stack.settings, (WORKER.name, SINK.name))
            took = time.monotonic() - started
        self.row("CDNOW, from the command to ClickHouse", 69_659 / took, None, None, f"{took:.1f} s")

    def _fill(self) -> None:
        self._seed += 1
        fill(self.stack, self.workload, self.warm + self.events, self.people, self._seed)

    def _fill_anew(self) -> None:
        self.stack.process("sink").stop()
        begin_anew(self.stack)
        self._fill()

    def _workers(self, number: int, stages: Sequence[str] = ALL) -> AbstractContextManager[Workers]:
        return workers(self.stack, self._folder / f"{time.monotonic_ns()}", number, stages)

    def _work_off(self, what: str, running: Workers, pattern: str) -> None:
        rate = work_off(self.stack, running, pattern, self.warm, self.events)
        cpu_s, broker_cpu_s = rate.cpu_s / rate.events * 1e6, rate.broker_cpu_s / rate.events * 1e6
        changes = running.total(r"onefold_segment_changes_total\{[^}]*\} (\S+)")
        remark = f"RSS {rate.rss_mib:,.0f} MiB" + (f", {changes:,.0f} segment changes" if changes else "")
        self.row(what, rate.per_s, cpu_s, broker_cpu_s, remark)

    def _latency(self, running: Workers, rate: int) -> None:
        usages = [Usage(process.pid) for process in running.processes]
        broker = Usage(self.stack.process("kafka").pid)
        seen = latency.measure(self.stack.settings, rate, self.seconds)
        per_million = 1e6 / seen.sent
        remark = (
            f"event to segment change p50 {seen.p50_ms:.0f} ms, p99 {seen.p99_ms:.0f} ms ({seen.changes:,} of them)"
        )
        cpu_s = sum(usage.cpu_s() for usage in usages) * per_million
        self.row("latency at a steady rate", rate, cpu_s, broker.cpu_s() * per_million, remark)


PASSES: dict[str, Callable[[Bench], None]] = {
    "limits": Bench.limits,
    "alone": Bench.alone,
    "one": Bench.one_worker,
    "two": Bench.two_workers,
    "sink": Bench.warehouse,
    "cdnow": Bench.cdnow,
}


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("--events", type=int, default=300_000, help="events of a backlog (default 300,000)")
    arguments.add_argument("--warm", type=int, default=100_000, help="events before them that do not count")
    arguments.add_argument("--people", type=int, default=100_000, help="persons they are drawn from (default 100,000)")
    arguments.add_argument("--workload", choices=WORKLOADS, default="shop", help="what kind of events (default shop)")
    arguments.add_argument("--seconds", type=float, default=20.0, help="for how long each latency is measured")
    arguments.add_argument("--only", choices=PASSES, nargs="+", default=list(PASSES), help="some of the passes")
    chosen = arguments.parse_args()
    console = Terminal()
    workload = WORKLOADS[chosen.workload]
    table = Table("what", "per second", "CPU s/M", "broker CPU s/M", "remarks")
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        options = StackOptions(data_dir=Path(folder), definitions=SHOP, ports=Ports.free(), processes=PARTS)
        with Stack(options, screen_for(console)) as stack:
            bench = Bench(stack, workload, chosen, table)
            for name in chosen.only:
                console.print(f"measuring: {name}", style="dim")
                PASSES[name](bench)
    console.print(f"\n{chosen.events:,} events of {chosen.people:,} persons: {workload.description}")
    console.print(table)


if __name__ == "__main__":
    main()
