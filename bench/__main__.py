"""`make bench`: one table in one run, on a stack of its own. Rates vary from machine to machine: read the ratios."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import folds, latency, sink
from bench.measure import Usage, wait_until_worked_off
from bench.workload import DESCRIPTION, Sender, events
from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import Stack, StackOptions
from schemas.topics import APP

SINK = f"{APP}-sink"


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("--events", type=int, default=200_000, help="events of the backlog (default 200,000)")
    arguments.add_argument("--people", type=int, default=100_000, help="persons they are drawn from (default 100,000)")
    arguments.add_argument("--rate", type=int, default=1_000, help="events/s while latency is measured")
    arguments.add_argument("--seconds", type=float, default=20.0, help="for how long")
    chosen = arguments.parse_args()
    console = Console()
    table = Table("what", "events/s", "CPU s per million events", "remarks")
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        stack = Stack(StackOptions(data_dir=Path(folder), ports=Ports.free()), screen_for(console))
        with stack:
            _folds(stack, table, chosen.events, chosen.people)
            _import(stack, table)
            _latency(stack, table, chosen.rate, chosen.seconds)
            _backlog(stack, table, chosen.events, chosen.people)
            _sink(stack, table, chosen.events, chosen.people)
    console.print(f"\n{chosen.events:,} events of {chosen.people:,} persons: {DESCRIPTION}", highlight=False)
    console.print(table)


def _folds(stack: Stack, table: Table, count: int, people: int) -> None:
    costs = folds.measure(stack.settings, min(count, 100_000), people)
    for cost in costs:
        share = f"{cost.cpu_s / costs[0].cpu_s:.1f} times decoding"
        table.add_row(cost.what, f"{cost.events / cost.cpu_s:,.0f}", f"{cost.cpu_s / cost.events * 1e6:.1f}", share)


def _import(stack: Stack, table: Table) -> None:
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "onefold", "import", "cdnow", "--json"], env=dict(stack.environment), check=True
    )
    sent_s = time.monotonic() - started
    wait_until_worked_off(stack.settings, (APP, SINK))
    took = time.monotonic() - started
    table.add_row(
        "CDNOW, command to ClickHouse", f"{69_659 / took:,.0f}", "", f"{took:.1f} s, of which sending {sent_s:.1f}"
    )


def _latency(stack: Stack, table: Table, rate: int, seconds: float) -> None:
    seen = latency.measure(stack.settings, rate, seconds)
    remark = f"event to segment change p50 {seen.p50_ms:.0f} ms, p99 {seen.p99_ms:.0f} ms ({seen.changes:,} changes)"
    table.add_row("latency at a steady rate", f"{seen.rate:,}", "", remark)


def _backlog(stack: Stack, table: Table, count: int, people: int) -> None:
    """The worker is stopped while the backlog is made, so that its time is its own."""
    settings = stack.settings
    stack.part("worker").stop()
    stack.part("sink").stop()
    sender = Sender(settings)
    for made in events(count, people, seed=2):
        sender.send(made)
    sender.flush()
    stack.part("worker").restart()
    usage, broker = Usage(stack.part("worker").pid), Usage(stack.part("kafka").pid)
    took = wait_until_worked_off(settings, (APP,))
    per_million = 1e6 / count
    table.add_row(
        "backlog through one worker", f"{count / took:,.0f}", f"{usage.cpu_s() * per_million:.1f}",
        f"broker {broker.cpu_s() * per_million:.1f} CPU s, worker {usage.rss_mib():.0f} MiB",
    )  # fmt: skip
    stack.part("sink").restart()
    usage = Usage(stack.part("sink").pid)
    took = wait_until_worked_off(settings, (SINK,))
    table.add_row("the same through the sink", f"{count / took:,.0f}", f"{usage.cpu_s() * per_million:.1f}", "")


def _sink(stack: Stack, table: Table, count: int, people: int) -> None:
    """Last, and without the worker, which would fold the events that this leaves on events.resolved."""
    stack.part("worker").stop()
    for cost in sink.measure(stack, count, people):
        (_, cpu_s), *others = cost.per_million.items()
        remark = ", ".join(f"{name} {seconds:.1f} CPU s" for name, seconds in others)
        table.add_row(cost.what, f"{cost.rate:,.0f}", f"{cpu_s:.1f}", remark)


if __name__ == "__main__":
    main()
