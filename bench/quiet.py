"""`python -m bench.quiet`: what a stack costs while little happens: idle, and at 20 events a second.

Prints CPU in hundredths of a core, resident memory and what each process writes to disk, by the kernel's counters. The
events are of a few people on a site, one request each, as SDKs send them.
"""

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from rich.table import Table

from embedded.layout import Ports
from embedded.screen import screen_for
from embedded.stack import ALL_PROCESSES, Stack, StackOptions
from embedded.terminal import Terminal
from onefold.examples import SHOP
from runtime.loopback import LOOPBACK

HEADERS = {"Authorization": "Basic ZGV2Og==", "Content-Type": "application/json"}
PEOPLE = 200


class Reading(NamedTuple):
    """The counters of a process: CPU seconds and bytes written since it began, and its resident bytes."""

    cpu_s: float
    written: int
    resident: int


class Cost(NamedTuple):
    """What a process took of a stretch of time."""

    cores: float
    written_per_s: float
    resident_mib: float


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m bench.quiet", description=__doc__)
    arguments.add_argument("--rate", type=float, default=20.0, help="events per second (default 20)")
    arguments.add_argument("--seconds", type=float, default=60.0, help="of each measurement (default 60)")
    arguments.add_argument("--warm", type=float, default=45.0, help="seconds before each (default 45)")
    chosen = arguments.parse_args()
    console = Terminal()
    with tempfile.TemporaryDirectory(prefix="onefold-quiet-") as folder:
        options = StackOptions(data_dir=Path(folder), definitions=SHOP, ports=Ports.free())
        with Stack(options, screen_for(console)) as stack:
            pause = _pausing(stack)
            pause(chosen.warm)
            idle = _measure(stack, lambda: pause(chosen.seconds))
            send = _sending(stack, chosen.rate)
            send(chosen.warm)
            busy = _measure(stack, lambda: send(chosen.seconds))
    console.print(_table(f"{chosen.rate:g} events/s", idle, busy))
    return 0


def _pausing(stack: Stack) -> Callable[[float], None]:
    def pause(seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            stack.tend()
            time.sleep(0.2)

    return pause


def _sending(stack: Stack, rate: float) -> Callable[[float], None]:
    connection = http.client.HTTPConnection(LOOPBACK, stack.options.ports.http, timeout=60)

    def send(seconds: float) -> None:
        started = time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, number / rate - (time.monotonic() - started)))
            connection.request("POST", "/v1/track", msgspec.json.encode(_event(number)), HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"the collector answered {answer.status}")

    return send


def _event(number: int) -> dict[str, object]:
    name = ("Product Viewed", "Product Viewed", "Product Added", "Order Completed")[number % 4]
    properties = {"product_id": f"kettle-{number % 40}", "price": number % 90, "total": number % 90}
    return {"userId": f"user-{number % PEOPLE}", "event": name, "properties": properties}


def _measure(stack: Stack, during: Callable[[], None]) -> dict[str, Cost]:
    before, started = _readings(stack), time.monotonic()
    during()
    took = time.monotonic() - started
    return {name: _cost(before[name], after, took) for name, after in _readings(stack).items()}


def _readings(stack: Stack) -> dict[str, Reading]:
    return {name: _read(psutil.Process(stack.process(name).pid)) for name in ALL_PROCESSES}


def _read(process: psutil.Process) -> Reading:
    times = process.cpu_times()
    return Reading(times.user + times.system, process.io_counters().write_bytes, process.memory_info().rss)


def _cost(before: Reading, after: Reading, seconds: float) -> Cost:
    written = (after.written - before.written) / seconds
    return Cost((after.cpu_s - before.cpu_s) / seconds, written, after.resident / 2**20)


def _table(rate: str, idle: dict[str, Cost], busy: dict[str, Cost]) -> Table:
    table = Table("process", "idle, % of a core", f"{rate}, %", "idle, KB/s to disk", f"{rate}, KB/s", "resident MiB")
    for name in ALL_PROCESSES:
        table.add_row(name, *_cells((idle[name],), (busy[name],)))
    table.add_row("all", *_cells(tuple(idle.values()), tuple(busy.values())), style="bold")
    return table


def _cells(idle: Sequence[Cost], busy: Sequence[Cost]) -> list[str]:
    shares = [f"{100 * sum(cost.cores for cost in costs):.1f}" for costs in (idle, busy)]
    writes = [f"{sum(cost.written_per_s for cost in costs) / 1000:.1f}" for costs in (idle, busy)]
    return [*shares, *writes, f"{sum(cost.resident_mib for cost in busy):.0f}"]


if __name__ == "__main__":
    sys.exit(main())
